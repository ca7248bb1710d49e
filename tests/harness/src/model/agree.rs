//! Asking a tree and the map the same.

use netabase_store::{Result, Tree, View};
use netabase_tests::{
    Customer, CustomerAgeSecondaryKey, CustomerCreditSecondaryKey, CustomerEmailSecondaryKey,
    CustomerNicknameSecondaryKey, CustomerPrimaryKey, CustomerTagsSecondaryKey, ShopDefinition,
};

use super::steps::{Model, Question, email, tag};

type Customers<V> = Tree<ShopDefinition, Customer, V>;

/// Fails unless the tree answers as the map does.
pub(super) fn ask<V: View>(tree: &Customers<V>, model: &Model, question: Question) -> Result<()> {
    match question {
        Question::Get(id) => same(tree.get(id)?.as_ref(), model.get(&id)),
        Question::Contains(id) => same(tree.contains(id)?, model.contains_key(&id)),
        Question::Len => same(usize::try_from(tree.len()?).ok(), Some(model.len())),
        Question::Range(lower, upper, is_reversed) => {
            let found = tree.range(lower..upper);
            let found = if is_reversed { found.rev() } else { found };
            let mut expected: Vec<_> = model
                .range(lower..upper)
                .map(|(_, it)| it.clone())
                .collect();
            if is_reversed {
                expected.reverse();
            }
            same(found.values().collect::<Result<Vec<_>>>()?, expected);
        }
        Question::Ages(lower, upper, is_reversed) => {
            let age = |age: u64| u32::try_from(age).unwrap_or_default();
            let (lower, upper) = (age(lower), age(upper));
            let found = tree.index::<CustomerAgeSecondaryKey>().range(lower..upper);
            let found = if is_reversed { found.rev() } else { found };
            let of_age = model.values().filter(|it| (lower..upper).contains(&it.age));
            let mut expected: Vec<_> = of_age.map(|it| (it.age, it.id)).collect();
            expected.sort_unstable();
            if is_reversed {
                expected.reverse();
            }
            let found = found.values().map(|found| found.map(|it| (it.age, it.id)));
            same(found.collect::<Result<Vec<_>>>()?, expected);
        }
        Question::ByEmail(number) => {
            let email = email(number);
            let expected = model.values().find(|it| it.email == email);
            let by_email = tree.index::<CustomerEmailSecondaryKey>();
            same(by_email.first(email.clone())?.as_ref(), expected);
        }
        Question::ByTag(number) => {
            let tag = tag(number);
            let tagged = model.values().filter(|it| it.tags.contains(&tag));
            let by_tag = tree.index::<CustomerTagsSecondaryKey>();
            let found = by_tag.get(tag.clone()).values();
            same(
                found.collect::<Result<Vec<_>>>()?,
                tagged.cloned().collect(),
            );
        }
    }
    Ok(())
}

#[track_caller]
fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) {
    assert_eq!(found, expected);
}

/// Returns what an index should hold: its values with their records, in order.
fn recomputed<K: Ord>(model: &Model, values: impl Fn(&Customer) -> Vec<K>) -> Vec<u64> {
    let entries = model.values().flat_map(|customer| {
        let mut values = values(customer);
        values.sort();
        values.dedup();
        values.into_iter().map(|value| (value, customer.id))
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries.into_iter().map(|(_, id)| id).collect()
}

/// Fails unless a tree holds what the map does, in every index too.
pub(super) fn assert_agrees<V: View>(tree: &Customers<V>, model: &Model) -> Result<()> {
    let found = tree.iter().collect::<Result<Vec<_>>>()?;
    let expected = model
        .iter()
        .map(|(id, customer)| (CustomerPrimaryKey(*id), customer.clone()));
    // As text, where -0.0 and 0.0 differ.
    assert_eq!(
        format!("{found:?}"),
        format!("{:?}", expected.collect::<Vec<_>>())
    );
    let len = usize::try_from(tree.len()?).ok();
    assert_eq!(len, Some(model.len()));
    let ids = |keys: Vec<CustomerPrimaryKey>| keys.into_iter().map(|key| key.0).collect::<Vec<_>>();
    macro_rules! agrees {
        ($index:ty, $values:expr) => {
            let keys = tree
                .index::<$index>()
                .iter()
                .keys()
                .collect::<Result<_>>()?;
            assert_eq!(
                ids(keys),
                recomputed(model, $values),
                "{}",
                stringify!($index)
            );
        };
    }
    agrees!(CustomerEmailSecondaryKey, |customer| vec![
        customer.email.clone()
    ]);
    agrees!(CustomerAgeSecondaryKey, |customer| vec![customer.age]);
    agrees!(CustomerNicknameSecondaryKey, |customer| customer
        .nickname
        .iter()
        .cloned()
        .collect());
    agrees!(CustomerTagsSecondaryKey, |customer| customer.tags.clone());
    agrees!(CustomerCreditSecondaryKey, |customer| {
        vec![CustomerCreditSecondaryKey(customer.credit)]
    });
    Ok(())
}
