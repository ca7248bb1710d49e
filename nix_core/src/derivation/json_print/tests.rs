use alloc::{string::ToString, vec::Vec};

use proptest::{collection, prelude::*};
use serde_json::json;

use super::*;
use crate::{hash::Sha256, json::parse_value};

fn compact(value: &Value) -> String {
    JsonLayout::COMPACT.print(value)
}

#[test]
fn floats_are_spelt_as_nix_spells_them() {
    for (float, spelling) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (100_000.0, "100000.0"),
        (123_456_789.125, "123456789.125"),
        (0.0001, "0.0001"),
        (0.00012, "0.00012"),
        (0.00001, "1e-05"),
        (0.000_012_5, "1.25e-05"),
        (1e14, "100000000000000.0"),
        (123_456_789_012_345.6, "123456789012345.6"),
        (1e15, "1e+15"),
        (1e20, "1e+20"),
        (1.25e-100, "1.25e-100"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
    ] {
        assert_eq!(compact(&json!(float)), spelling);
    }
}

#[test]
fn digits_that_are_not_the_fewest_are_those_of_nix() {
    for spelling in [
        "184580.91913259999",
        "679067845788815.7",
        "786423640059082.2",
        "4.7759082043566496e+16",
        "1.7381218630939787e+15",
        "6.1119784187339664e+16",
        "808880851971671.2",
    ] {
        let float: f64 = spelling.parse().expect("a float");
        assert_eq!(compact(&json!(float)), spelling);
    }
}

/// The float below one is nearer than the one above.
#[test]
fn powers_of_two_are_read_back() {
    for exponent in 0..0x7ff {
        let float = f64::from_bits(exponent << 52);
        assert_eq!(compact(&json!(float)).parse(), Ok(float));
    }
}

/// Nix 2.34 wrote these floats into the structured attributes of a derivation.
#[test]
fn the_digits_of_many_floats_are_those_of_nix() {
    let mut floats = Vec::new();
    let mut bits = 1_u64;
    while floats.len() < 10_000 {
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Every other one has an exponent that people use.
        let usual = (bits >> 12) | ((1023 + (bits & 63)) << 52);
        let float = f64::from_bits(if floats.len() % 2 == 0 { bits } else { usual });
        if float.is_normal() {
            floats.push(float);
        }
    }
    let text = compact(&json!(floats));
    assert_eq!(
        Sha256::of(text.as_bytes()).to_string(),
        "sha256:0bb527bki8iv02r7ym7h5sp4icx90ds5vw80lpcccax6bq3qvzr1",
        "{text:.300}"
    );
}

#[test]
fn whole_numbers_keep_their_digits() {
    for number in [json!(0), json!(-1), json!(u64::MAX), json!(i64::MIN)] {
        assert_eq!(compact(&number), number.to_string());
    }
}

#[test]
fn strings_escape_only_what_they_must() {
    let text = "\" \\ / \u{8}\u{c}\n\r\t \0\u{1f} \u{7f} \u{e9} \u{2028} \u{1f600}";
    let spelling =
        "\"\\\" \\\\ / \\b\\f\\n\\r\\t \\u0000\\u001f \u{7f} \u{e9} \u{2028} \u{1f600}\"";
    assert_eq!(compact(&json!(text)), spelling);
}

#[test]
fn empty_ones_stand_on_one_line() {
    let value = json!({ "b": [], "a": {}, "B": [{}, [1]] });
    let pretty =
        "{\n  \"B\": [\n    {},\n    [\n      1\n    ]\n  ],\n  \"a\": {},\n  \"b\": []\n}";
    assert_eq!(
        JsonLayout {
            indent: Some(2),
            newline: false
        }
        .print(&value),
        pretty
    );
    assert_eq!(compact(&value), r#"{"B":[{},[1]],"a":{},"b":[]}"#);
    let lines = JsonLayout {
        indent: Some(0),
        newline: true,
    };
    assert_eq!(lines.print(&json!([1])), "[\n1\n]\n");
}

fn arb_value() -> impl Strategy<Value = Value> {
    let float = any::<f64>().prop_filter("finite", |float| float.is_finite());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        float.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_float_is_read_as_it_was_printed(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        if float.is_finite() {
            let text = compact(&json!(float));
            prop_assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(bits));
        }
    }

    #[test]
    fn every_value_is_read_as_it_was_printed(value in arb_value()) {
        for layout in [JsonLayout::COMPACT, JsonLayout::PRETTY] {
            let text = layout.print(&value);
            let read = parse_value(text.as_bytes()).expect("it prints JSON");
            prop_assert_eq!(&read, &value);
        }
    }

    #[test]
    fn the_order_of_insertion_does_not_show(keys in collection::btree_set("[a-zA-Z]{0,3}", 0..8)) {
        let forward: Map<_, _> = keys.iter().map(|key| (key.clone(), Value::Null)).collect();
        let backward: Map<_, _> = keys.iter().rev().map(|key| (key.clone(), Value::Null)).collect();
        prop_assert_eq!(compact(&forward.into()), compact(&backward.into()));
    }
}
