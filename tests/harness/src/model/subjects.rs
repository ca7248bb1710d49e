//! The models of the shop as models under test: which queries, entries and records they have.

use netabase_store::{Index, IndexOf, KeyBound, KeyNewtype, NetabaseModelTrait, Result, View};
use netabase_tests::{
    Address, Customer, CustomerAgeSecondaryKey, CustomerCreditSecondaryKey,
    CustomerEmailSecondaryKey, CustomerNicknameSecondaryKey, CustomerPrimaryKey,
    CustomerSecondaryKeys, CustomerTagsSecondaryKey, Order, OrderByDaySecondaryKey,
    OrderByInitialSecondaryKey, OrderByTotalSecondaryKey, OrderPrimaryKey, OrderSecondaryKeys,
    Picture, PicturePrimaryKey, PictureSecondaryKeys, PictureThumbnailSecondaryKey, Random,
    Setting, SettingPrimaryKey, ShopDefinition,
};

use super::{
    reference::Reference,
    space::Space,
    subject::{Found, Part, Span, Subject, Subjects, Value},
    table::Table,
};

type PrimaryOf<M> = <<M as NetabaseModelTrait<ShopDefinition>>::PrimaryKey as KeyNewtype>::Value;

/// Returns the query of a part of the keys.
fn of_keys<M: Subject, V: View>(
    tree: &Subjects<M, V>,
    part: &Part,
    typed: fn(&Value) -> PrimaryOf<M>,
) -> Found<M, V>
where
    PrimaryOf<M>: KeyBound<PrimaryOf<M>>,
{
    match part {
        Part::All => tree.iter(),
        Part::At(key) => tree.range(typed(key)..=typed(key)),
        Part::Range(lower, upper) => {
            tree.range((lower.as_ref().map(typed), upper.as_ref().map(typed)))
        }
        other => panic!("{other:?} of such keys"),
    }
}

/// Returns the query of a part of an index.
fn of_index<M: Subject, V: View, K: IndexOf<M>>(
    index: Index<'_, ShopDefinition, M, V, K>,
    part: &Part,
    typed: fn(&Value) -> K::Value,
) -> Found<M, V>
where
    K::Value: KeyBound<K::Value>,
{
    match part {
        Part::All => index.iter(),
        Part::At(value) => index.get(K::from(typed(value))),
        Part::Range(lower, upper) => {
            index.range((lower.as_ref().map(typed), upper.as_ref().map(typed)))
        }
        other => panic!("{other:?} of such an index"),
    }
}

fn look_up<M: Subject, V: View, K: IndexOf<M>>(
    tree: &Subjects<M, V>,
    value: impl Fn() -> K::Value,
    wrap: impl Fn(K) -> M::SecondaryKeys,
) -> Result<(Vec<M>, Option<M>)> {
    let rows = tree.get_by_secondary_key(wrap(K::from(value())))?;
    Ok((rows, tree.index::<K>().first(K::from(value()))?))
}

fn pairs<M: Subject, V: View, K: IndexOf<M>>(
    tree: &Subjects<M, V>,
    value: impl Fn(K) -> Value,
) -> Result<Vec<(Value, Value)>> {
    let pairs = tree.index::<K>().pairs();
    pairs
        .map(|pair| pair.map(|(found, key)| (value(found), M::value(key))))
        .collect()
}

fn as_age(value: &Value) -> u32 {
    u32::try_from(value.as_number()).expect("an age of a customer")
}

impl Subject for Customer {
    const UNIQUE: &'static [bool] = &[true, false, false, false, false];

    fn key(&self) -> Value {
        Value::Number(self.id)
    }

    fn primary(key: &Value) -> CustomerPrimaryKey {
        CustomerPrimaryKey(key.as_number())
    }

    fn value(key: CustomerPrimaryKey) -> Value {
        Value::Number(key.0)
    }

    fn entries(&self) -> Vec<(usize, Value)> {
        let mut entries = vec![
            (0, Value::Text(self.email.clone())),
            (1, Value::Number(self.age.into())),
            (4, Value::real(self.credit)),
        ];
        let nickname = self.nickname.iter().map(|it| (2, Value::Text(it.clone())));
        entries.extend(nickname);
        entries.extend(self.tags.iter().map(|it| (3, Value::Text(it.clone()))));
        entries
    }

    fn is_same(&self, other: &Self) -> bool {
        let Self {
            id,
            email,
            age,
            nickname,
            tags,
            credit,
            note,
        } = self;
        let texts = (email, nickname, tags, note);
        texts == (&other.email, &other.nickname, &other.tags, &other.note)
            && (*id, *age, credit.to_bits()) == (other.id, other.age, other.credit.to_bits())
    }

    fn random(random: &mut Random, space: &Space) -> Self {
        Self {
            id: space.number(random),
            email: space.unique_text(random),
            age: space.age(random),
            nickname: random.one_in(2).then(|| space.shared_text(random)),
            tags: (0..random.below(4))
                .map(|_| space.shared_text(random))
                .collect(),
            credit: space.credit(random),
            note: space.note(random),
        }
    }

    fn random_value(random: &mut Random, space: &Space, index: Option<usize>) -> Value {
        match index {
            None => Value::Number(space.number(random)),
            Some(0) => Value::Text(space.unique_text(random)),
            Some(1) => Value::Number(space.age(random).into()),
            Some(4) => Value::real(space.credit(random)),
            Some(_) => Value::Text(space.shared_text(random)),
        }
    }

    fn query<V: View>(tree: &Subjects<Self, V>, span: &Span) -> Found<Self, V> {
        let (index, part) = (span.index, &span.part);
        let emails = tree.index::<CustomerEmailSecondaryKey>();
        let nicknames = tree.index::<CustomerNicknameSecondaryKey>();
        let tags = tree.index::<CustomerTagsSecondaryKey>();
        let query = match (index, part) {
            (Some(0), Part::Prefix(prefix)) => emails.prefix(prefix.as_text()),
            (Some(2), Part::Prefix(prefix)) => nicknames.prefix(prefix.as_text()),
            (Some(3), Part::Prefix(prefix)) => tags.prefix(prefix.as_text()),
            (None, part) => of_keys(tree, part, Value::as_number),
            (Some(0), part) => of_index(emails, part, Value::as_text),
            (Some(1), part) => of_index(tree.index::<CustomerAgeSecondaryKey>(), part, as_age),
            (Some(2), part) => of_index(nicknames, part, Value::as_text),
            (Some(3), part) => of_index(tags, part, Value::as_text),
            (Some(_), part) => {
                let credits = tree.index::<CustomerCreditSecondaryKey>();
                of_index(credits, part, Value::as_real)
            }
        };
        if span.is_reversed { query.rev() } else { query }
    }

    fn look_up<V: View>(
        tree: &Subjects<Self, V>,
        index: usize,
        value: &Value,
    ) -> Result<(Vec<Self>, Option<Self>)> {
        match index {
            0 => look_up(tree, || value.as_text(), CustomerSecondaryKeys::Email),
            1 => look_up(tree, || as_age(value), CustomerSecondaryKeys::Age),
            2 => look_up(tree, || value.as_text(), CustomerSecondaryKeys::Nickname),
            3 => look_up(tree, || value.as_text(), CustomerSecondaryKeys::Tags),
            _ => look_up(tree, || value.as_real(), CustomerSecondaryKeys::Credit),
        }
    }

    fn pairs<V: View>(tree: &Subjects<Self, V>, index: usize) -> Result<Vec<(Value, Value)>> {
        match index {
            0 => pairs(tree, |it: CustomerEmailSecondaryKey| Value::Text(it.0)),
            1 => pairs(tree, |it: CustomerAgeSecondaryKey| {
                Value::Number(it.0.into())
            }),
            2 => pairs(tree, |it: CustomerNicknameSecondaryKey| Value::Text(it.0)),
            3 => pairs(tree, |it: CustomerTagsSecondaryKey| Value::Text(it.0)),
            _ => pairs(tree, |it: CustomerCreditSecondaryKey| Value::real(it.0)),
        }
    }

    fn table(reference: &Reference) -> &Table<Self> {
        &reference.customers
    }

    fn table_mut(reference: &mut Reference) -> &mut Table<Self> {
        &mut reference.customers
    }
}

fn as_numbers(value: &Value) -> (u64, u32) {
    match value {
        Value::Numbers(customer, number) => (*customer, *number),
        other => panic!("{other:?} is no key of an order"),
    }
}

fn as_day(value: &Value) -> (u32, Option<String>) {
    match value {
        Value::Day(day, status) => (*day, status.clone()),
        other => panic!("{other:?} is no day and status"),
    }
}

impl Subject for Order {
    const UNIQUE: &'static [bool] = &[false, false, false];

    fn key(&self) -> Value {
        Value::Numbers(self.customer, self.number)
    }

    fn primary(key: &Value) -> OrderPrimaryKey {
        as_numbers(key).into()
    }

    fn value(key: OrderPrimaryKey) -> Value {
        Value::Numbers(key.0, key.1)
    }

    fn entries(&self) -> Vec<(usize, Value)> {
        let mut entries = vec![
            (0, Value::Day(self.day, self.status.clone())),
            (2, Value::Number(self.lines.values().sum())),
        ];
        let initial = self.address.city.chars().next();
        entries.extend(initial.map(|it| (1, Value::Text(it.into()))));
        entries
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn random(random: &mut Random, space: &Space) -> Self {
        let (customer, number) = space.numbers(random);
        let city = ["", "Ash", "Ale", "Bonn"];
        Self {
            customer,
            number,
            day: space.age(random),
            status: random.one_in(2).then(|| space.shared_text(random)),
            lines: (0..random.below(3))
                .map(|line| (space.shared_text(random), line))
                .collect(),
            address: Address {
                street: space.note(random),
                city: city
                    .get(random.index(city.len()))
                    .map_or("", |it| it)
                    .to_owned(),
            },
        }
    }

    fn random_value(random: &mut Random, space: &Space, index: Option<usize>) -> Value {
        match index {
            None => {
                let (customer, number) = space.numbers(random);
                Value::Numbers(customer, number)
            }
            Some(0) => {
                let status = random.one_in(2).then(|| space.shared_text(random));
                Value::Day(space.age(random), status)
            }
            Some(1) => Value::Text(if random.one_in(2) { "A" } else { "B" }.to_owned()),
            Some(_) => Value::Number(random.below(4)),
        }
    }

    fn query<V: View>(tree: &Subjects<Self, V>, span: &Span) -> Found<Self, V> {
        let days = tree.index::<OrderByDaySecondaryKey>();
        let initials = tree.index::<OrderByInitialSecondaryKey>();
        let query = match (span.index, &span.part) {
            (None, Part::Leading(key)) => tree.leading((as_numbers(key).0,)),
            (Some(0), Part::Leading(value)) => days.leading((as_day(value).0,)),
            (Some(1), Part::Prefix(prefix)) => initials.prefix(prefix.as_text()),
            (None, part) => of_keys(tree, part, as_numbers),
            (Some(0), part) => of_index(days, part, as_day),
            (Some(1), part) => of_index(initials, part, Value::as_text),
            (Some(_), part) => {
                let totals = tree.index::<OrderByTotalSecondaryKey>();
                of_index(totals, part, Value::as_number)
            }
        };
        if span.is_reversed { query.rev() } else { query }
    }

    fn look_up<V: View>(
        tree: &Subjects<Self, V>,
        index: usize,
        value: &Value,
    ) -> Result<(Vec<Self>, Option<Self>)> {
        match index {
            0 => look_up(tree, || as_day(value), OrderSecondaryKeys::ByDay),
            1 => look_up(tree, || value.as_text(), OrderSecondaryKeys::ByInitial),
            _ => look_up(tree, || value.as_number(), OrderSecondaryKeys::ByTotal),
        }
    }

    fn pairs<V: View>(tree: &Subjects<Self, V>, index: usize) -> Result<Vec<(Value, Value)>> {
        match index {
            0 => pairs(tree, |it: OrderByDaySecondaryKey| Value::Day(it.0, it.1)),
            1 => pairs(tree, |it: OrderByInitialSecondaryKey| Value::Text(it.0)),
            _ => pairs(tree, |it: OrderByTotalSecondaryKey| Value::Number(it.0)),
        }
    }

    fn table(reference: &Reference) -> &Table<Self> {
        &reference.orders
    }

    fn table_mut(reference: &mut Reference) -> &mut Table<Self> {
        &mut reference.orders
    }
}

impl Subject for Setting {
    const UNIQUE: &'static [bool] = &[];

    fn key(&self) -> Value {
        Value::Text(self.name.clone())
    }

    fn primary(key: &Value) -> SettingPrimaryKey {
        SettingPrimaryKey(key.as_text())
    }

    fn value(key: SettingPrimaryKey) -> Value {
        Value::Text(key.0)
    }

    fn entries(&self) -> Vec<(usize, Value)> {
        Vec::new()
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn random(random: &mut Random, space: &Space) -> Self {
        let name = if random.one_in(300) {
            space.endless_text()
        } else {
            space.key_text(random)
        };
        let value = space.note(random).into_bytes();
        Self { name, value }
    }

    fn random_value(random: &mut Random, space: &Space, _: Option<usize>) -> Value {
        Value::Text(space.key_text(random))
    }

    fn query<V: View>(tree: &Subjects<Self, V>, span: &Span) -> Found<Self, V> {
        let query = match &span.part {
            Part::Prefix(prefix) => tree.prefix(prefix.as_text()),
            part => of_keys(tree, part, Value::as_text),
        };
        if span.is_reversed { query.rev() } else { query }
    }

    fn look_up<V: View>(
        _: &Subjects<Self, V>,
        index: usize,
        _: &Value,
    ) -> Result<(Vec<Self>, Option<Self>)> {
        panic!("settings have no index {index}")
    }

    fn pairs<V: View>(_: &Subjects<Self, V>, index: usize) -> Result<Vec<(Value, Value)>> {
        panic!("settings have no index {index}")
    }

    fn table(reference: &Reference) -> &Table<Self> {
        &reference.settings
    }

    fn table_mut(reference: &mut Reference) -> &mut Table<Self> {
        &mut reference.settings
    }
}

impl Subject for Picture {
    const UNIQUE: &'static [bool] = &[true];

    fn key(&self) -> Value {
        Value::Bytes(self.hash.clone())
    }

    fn primary(key: &Value) -> PicturePrimaryKey {
        PicturePrimaryKey(key.as_bytes())
    }

    fn value(key: PicturePrimaryKey) -> Value {
        Value::Bytes(key.0)
    }

    fn entries(&self) -> Vec<(usize, Value)> {
        let thumbnail = self.thumbnail.iter();
        thumbnail.map(|it| (0, Value::Bytes(it.clone()))).collect()
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    fn random(random: &mut Random, space: &Space) -> Self {
        Self {
            hash: space.bytes(random),
            thumbnail: random.one_in(2).then(|| space.bytes(random)),
        }
    }

    fn random_value(random: &mut Random, space: &Space, _: Option<usize>) -> Value {
        Value::Bytes(space.bytes(random))
    }

    fn query<V: View>(tree: &Subjects<Self, V>, span: &Span) -> Found<Self, V> {
        let thumbnails = tree.index::<PictureThumbnailSecondaryKey>();
        let query = match (span.index, &span.part) {
            (None, Part::Prefix(prefix)) => tree.prefix(prefix.as_bytes()),
            (Some(_), Part::Prefix(prefix)) => thumbnails.prefix(prefix.as_bytes()),
            (None, part) => of_keys(tree, part, Value::as_bytes),
            (Some(_), part) => of_index(thumbnails, part, Value::as_bytes),
        };
        if span.is_reversed { query.rev() } else { query }
    }

    fn look_up<V: View>(
        tree: &Subjects<Self, V>,
        _: usize,
        value: &Value,
    ) -> Result<(Vec<Self>, Option<Self>)> {
        look_up(tree, || value.as_bytes(), PictureSecondaryKeys::Thumbnail)
    }

    fn pairs<V: View>(tree: &Subjects<Self, V>, _: usize) -> Result<Vec<(Value, Value)>> {
        pairs(tree, |it: PictureThumbnailSecondaryKey| Value::Bytes(it.0))
    }

    fn table(reference: &Reference) -> &Table<Self> {
        &reference.pictures
    }

    fn table_mut(reference: &mut Reference) -> &mut Table<Self> {
        &mut reference.pictures
    }
}
