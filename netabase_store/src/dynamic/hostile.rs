//! Descriptions and bytes that no program wrote: errors, and never a panic.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::schema::TypeBody;

/// Checks that no function panics over a shape, whatever bytes or value it meets.
fn is_refused(shape: &Shape, types: &[NamedType]) {
    for bytes in [&[][..], &[0; 64], &[1; 64], &[250; 64], &[255; 64]] {
        assert!(
            Value::decode(shape, types, bytes).is_err(),
            "{shape:?} from {bytes:?}"
        );
        assert!(
            Value::decode_key(shape, types, bytes).is_err(),
            "{shape:?} from {bytes:?}"
        );
    }
    for value in [
        Value::Unit,
        Value::Bytes(vec![1]),
        Value::Sequence(Vec::new()),
    ] {
        assert!(value.encode(shape, types, &mut Vec::new()).is_err());
        assert!(value.encode_key(shape, types, &mut Vec::new()).is_err());
    }
}

fn structure(fields: Fields) -> NamedType {
    NamedType {
        name: "Hostile".to_owned(),
        body: TypeBody::Struct(fields),
    }
}

#[test]
fn a_struct_that_contains_itself_is_an_error() {
    let direct = structure(Fields::Tuple(vec![Shape::Named(0)]));
    is_refused(&Shape::Named(0), &[direct]);
    let one = structure(Fields::Named(vec![("x".to_owned(), Shape::Named(1))]));
    let other = structure(Fields::Tuple(vec![Shape::Tuple(vec![Shape::Named(0)])]));
    is_refused(&Shape::Named(0), &[one, other]);
}

#[test]
fn a_struct_that_doubles_at_every_level_is_an_error() {
    let doubled = |number| {
        structure(Fields::Tuple(vec![
            Shape::Named(number),
            Shape::Named(number),
        ]))
    };
    let mut types: Vec<_> = (1..100).map(doubled).collect();
    types.push(structure(Fields::Unit));
    is_refused(&Shape::Named(0), &types);
}

#[test]
fn an_array_longer_than_memory_is_an_error() {
    for item in [
        Shape::Unit,
        Shape::Unsigned(8),
        Shape::Bool,
        Shape::Named(0),
    ] {
        let types = [structure(Fields::Unit)];
        is_refused(&Shape::Array(Box::new(item), 1 << 60), &types);
    }
}

#[test]
fn widths_and_names_that_there_are_not_are_errors() {
    for shape in [
        Shape::Unsigned(7),
        Shape::Signed(0),
        Shape::Float(16),
        Shape::Named(0),
        Shape::Known("week".to_owned()),
    ] {
        is_refused(&shape, &[]);
    }
}

#[test]
fn shapes_nested_beyond_the_limit_are_errors() {
    let mut shape = Shape::Unit;
    for _ in 0..SHAPE_DEPTH_MAX + 1 {
        shape = Shape::Option(Box::new(shape));
    }
    let bytes = [1; 1024];
    assert!(Value::decode(&shape, &[], &bytes).is_err());
    assert!(Value::decode_key(&shape, &[], &bytes).is_err());
    let Shape::Option(inner) = shape else {
        unreachable!()
    };
    let Shape::Option(inner) = *inner else {
        unreachable!()
    };
    let deep = Value::decode(&inner, &[], &bytes[..511]).unwrap();
    let mut written = Vec::new();
    deep.encode(&inner, &[], &mut written).unwrap();
    assert_eq!(written, &bytes[..511]);
}

#[test]
fn a_length_beyond_the_bytes_is_an_error() {
    let shape = Shape::Sequence(Box::new(Shape::Unit));
    assert!(Value::decode(&shape, &[], &[253, 0, 0, 0, 0, 0, 0, 0, 1]).is_err());
    assert!(Value::decode(&shape, &[], &[252, 1, 0, 1, 0]).is_err());
    let units = Value::decode(&shape, &[], &[252, 0, 0, 1, 0]).unwrap();
    let mut written = Vec::new();
    units.encode(&shape, &[], &mut written).unwrap();
    assert_eq!(written, [252, 0, 0, 1, 0]);
    let many = Value::Sequence(vec![Value::Unit; 65_537]);
    assert!(many.encode(&shape, &[], &mut Vec::new()).is_err());
}

#[test]
fn a_value_of_another_shape_is_not_written() {
    for (shape, value) in [
        (Shape::Unsigned(8), Value::Unsigned(256)),
        (Shape::Signed(8), Value::Signed(-129)),
        (Shape::Signed(64), Value::Signed(1 << 63)),
        (Shape::Text, Value::Bytes(Vec::new())),
        (
            Shape::Array(Box::new(Shape::Bool), 2),
            Value::Sequence(vec![Value::Bool(true)]),
        ),
        (
            Shape::Known("date".to_owned()),
            Value::Text("2023-02-29".to_owned()),
        ),
        (Shape::Known("uuid".to_owned()), Value::Text("0".to_owned())),
    ] {
        assert!(
            value.encode(&shape, &[], &mut Vec::new()).is_err(),
            "{value}"
        );
        assert!(
            value.encode_key(&shape, &[], &mut Vec::new()).is_err(),
            "{value}"
        );
    }
}

/// Shapes of any kind, with numbers that most descriptions do not have.
fn arb_shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Unit),
        Just(Shape::Char),
        Just(Shape::Text),
        Just(Shape::Bytes),
        any::<u8>().prop_map(Shape::Unsigned),
        any::<u8>().prop_map(Shape::Signed),
        any::<u8>().prop_map(Shape::Float),
        (0_u32..4).prop_map(Shape::Named),
        Just(Shape::Opaque("T".to_owned())),
        prop_oneof![
            Just("uuid"),
            Just("date"),
            Just("offset-date-time"),
            Just("time"),
            Just("x")
        ]
        .prop_map(|name| Shape::Known(name.to_owned())),
    ];
    leaf.prop_recursive(6, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            (boxed.clone(), prop_oneof![0_u64..4, any::<u64>()])
                .prop_map(|(item, count)| Shape::Array(item, count)),
            boxed.clone().prop_map(Shape::Sequence),
            (boxed.clone(), boxed.clone()).prop_map(|(key, value)| Shape::Map(key, value)),
            boxed.clone().prop_map(Shape::Option),
            boxed.prop_map(Shape::Reverse),
            vec(inner, 0..4).prop_map(Shape::Tuple),
        ]
    })
}

proptest! {
    #[test]
    fn any_shape_over_any_bytes_is_a_value_or_an_error(
        shapes in vec(arb_shape(), 1..5),
        bytes in vec(prop_oneof![0_u8..4, any::<u8>()], 0..64),
    ) {
        let types: Vec<_> = shapes
            .iter()
            .map(|shape| structure(Fields::Tuple(vec![shape.clone(), Shape::Bool])))
            .collect();
        for shape in &shapes {
            if let Ok(value) = Value::decode(shape, &types, &bytes) {
                value.encode(shape, &types, &mut Vec::new()).unwrap();
            }
            if let Ok(value) = Value::decode_key(shape, &types, &bytes) {
                let mut written = Vec::new();
                value.encode_key(shape, &types, &mut written).unwrap();
                prop_assert_eq!(written, bytes.clone());
            }
        }
    }
}
