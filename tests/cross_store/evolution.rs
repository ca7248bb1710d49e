//! A program changes and its store does not: what is added on open, and what is refused.

use std::path::Path;

use netabase_store::{NetabaseDefinitionTrait, Result, Store, StoreError, backends::OpenBackend};
use netabase_tests::{assert_sound, refusal};

use super::versions::{
    self, age_unique, fewer, first, key_of_text, larger, names_unique, other_name, other_order,
    other_type, renamed,
};

on_every_file_engine! {
    the_same_definition_in_another_module_opens,
    new_models_and_indexes_are_built_on_open,
    a_new_unique_index_over_equal_values_is_refused_and_nothing_changes,
    a_new_unique_index_over_distinct_values_is_built,
    each_difference_is_told_in_a_sentence,
    a_refused_definition_leaves_the_description_as_it_was,
    going_back_to_a_smaller_definition_is_refused,
}

fn person(id: u64) -> first::Person {
    first::Person {
        id,
        name: format!("name{}", id % 10),
        age: u32::try_from(id).unwrap_or(0),
    }
}

/// Creates a store of the first version, with 50 people of 10 names.
fn create<B: OpenBackend>(path: &Path) -> Result<()> {
    let store = Store::<first::People, B>::new(path)?;
    store
        .open_tree::<first::Person>()
        .put_many((0..50).map(person))
}

/// Returns what is said to differ when the store is opened as `D`.
fn differences<D: NetabaseDefinitionTrait, B: OpenBackend>(path: &Path) -> Vec<String> {
    let refused = Store::<D, B>::open(path);
    assert!(
        refused
            .as_ref()
            .is_err_and(|error| error.is_schema_mismatch()),
        "{refused:?}"
    );
    match refusal(refused) {
        StoreError::SchemaDiffers { differences } => differences,
        other => panic!("refused for another reason: {other}"),
    }
}

fn the_same_definition_in_another_module_opens<B: OpenBackend>(path: &Path) -> Result<()> {
    create::<B>(path)?;
    let store = Store::<versions::again::People, B>::open(path)?;
    let people = store.open_tree::<versions::again::Person>();
    assert_eq!(
        people.get(7)?.map(|person| person.name),
        Some("name7".to_owned())
    );
    assert_sound(&store);
    Ok(())
}

fn new_models_and_indexes_are_built_on_open<B: OpenBackend>(path: &Path) -> Result<()> {
    use larger::{People, Person, PersonAgeSecondaryKey, PersonByNameAgeSecondaryKey, Pet};
    create::<B>(path)?;
    let store = Store::<People, B>::open(path)?;
    assert_sound(&store);
    let people = store.open_tree::<Person>();
    assert_eq!(
        people
            .index::<PersonAgeSecondaryKey>()
            .range(10..20)
            .count()?,
        10
    );
    let by_name = people
        .index::<PersonByNameAgeSecondaryKey>()
        .leading(("name3",));
    assert_eq!(by_name.count()?, 5);
    store.open_tree::<Pet>().put(Pet {
        name: "rex".into(),
        owner: 7,
    })?;
    drop((people, store));
    let store = Store::<People, B>::open(path)?;
    assert_eq!(store.open_tree::<Pet>().len()?, 1);
    assert_sound(&store);
    Ok(())
}

fn a_new_unique_index_over_equal_values_is_refused_and_nothing_changes<B: OpenBackend>(
    path: &Path,
) -> Result<()> {
    create::<B>(path)?;
    let refused = Store::<names_unique::People, B>::open(path);
    assert!(
        refused.as_ref().is_err_and(|error| error.is_conflict()),
        "{refused:?}"
    );
    let StoreError::UniqueViolated { model, index, .. } = refusal(refused) else {
        panic!("refused for another reason");
    };
    assert_eq!((model.as_str(), index.as_str()), ("Person", "unique_name"));
    let store = Store::<first::People, B>::open(path)?;
    assert_eq!(store.open_tree::<first::Person>().len()?, 50);
    assert_sound(&store);
    Ok(())
}

fn a_new_unique_index_over_distinct_values_is_built<B: OpenBackend>(path: &Path) -> Result<()> {
    use age_unique::{People, Person, PersonAgeSecondaryKey};
    create::<B>(path)?;
    let store = Store::<People, B>::open(path)?;
    let people = store.open_tree::<Person>();
    let eleven = people.index::<PersonAgeSecondaryKey>().first(11)?;
    assert_eq!(eleven.as_ref().map(|person| person.id), Some(11));
    let repeated = Person {
        id: 100,
        name: String::new(),
        age: 11,
    };
    assert!(people.put(repeated).is_err_and(|error| error.is_conflict()));
    assert_sound(&store);
    Ok(())
}

fn each_difference_is_told_in_a_sentence<B: OpenBackend>(path: &Path) -> Result<()> {
    create::<B>(path)?;
    let check = |found: Vec<String>, expected: &[&str]| assert_eq!(found, expected);
    check(
        differences::<renamed::People, B>(path),
        &[
            "the program has no field `age` in `Person`, stored as u32",
            "records of `Person` have no field `years`",
        ],
    );
    check(
        differences::<other_type::People, B>(path),
        &["field `age` of `Person` is stored as u32, the program has u64"],
    );
    check(
        differences::<other_order::People, B>(path),
        &[
            "the fields of `Person` are stored in the order id, name, age, the program has id, age, name",
        ],
    );
    check(
        differences::<key_of_text::People, B>(path),
        &[
            "field `id` of `Person` is stored as u64, the program has String",
            "the primary key of `Person` is stored as (id): u64, the program has (id): String",
        ],
    );
    check(
        differences::<fewer::People, B>(path),
        &["the program has no index `Person/name`"],
    );
    check(
        differences::<other_name::Persons, B>(path),
        &["it is a store of `People`, the program opens it as `Persons`"],
    );
    Ok(())
}

/// Defect 14 of the earlier store: it wrote the new description before it compared with the old.
fn a_refused_definition_leaves_the_description_as_it_was<B: OpenBackend>(
    path: &Path,
) -> Result<()> {
    create::<B>(path)?;
    let first_time = differences::<other_type::People, B>(path);
    assert_eq!(differences::<other_type::People, B>(path), first_time);
    let store = Store::<first::People, B>::open(path)?;
    assert_eq!(store.open_tree::<first::Person>().get(7)?, Some(person(7)));
    Ok(())
}

fn going_back_to_a_smaller_definition_is_refused<B: OpenBackend>(path: &Path) -> Result<()> {
    create::<B>(path)?;
    drop(Store::<larger::People, B>::open(path)?);
    let mut found = differences::<first::People, B>(path);
    found.sort();
    let expected = [
        "the program has no index `Person/age`",
        "the program has no index `Person/by_name_age`",
        "the program has no model `Pet`",
    ];
    assert_eq!(found, expected);
    Ok(())
}
