//! Sets and ranges of groups.

use std::collections::BTreeSet;

use nix_remote::peers::transfer::{
    GROUPS_MAX, GroupRange, GroupSet, GroupSetError, REQUEST_GROUPS_MAX,
};
use proptest::{collection::vec, prelude::*};

use crate::support::range;

#[test]
fn a_range_has_a_group_and_ends_where_blobs_end() {
    assert_eq!(GroupRange::new(0, 0), None);
    assert_eq!(GroupRange::new(0, REQUEST_GROUPS_MAX + 1), None);
    assert_eq!(GroupRange::new(GROUPS_MAX, 1), None);
    assert_eq!(GroupRange::new(u32::MAX, 1), None);
    assert_eq!(range(GROUPS_MAX - 1, 1).end(), GROUPS_MAX);
    assert_eq!(range(3, 2).groups().collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn bits_begin_with_the_lowest_and_none_is_beyond_the_last_group() {
    let mut set = GroupSet::new(10);
    assert!(set.insert(0) && set.insert(9) && !set.insert(9));
    assert!(!set.insert(10));
    assert_eq!((set.as_bytes(), set.len()), (&[1, 2][..], 2));
    assert!(set.contains_all(range(9, 1)) && !set.contains_all(range(8, 2)));
    assert_eq!(GroupSet::from_bytes(10, &[1, 2]), Ok(set));
    for padding in [4, 8, 128] {
        let refused = GroupSet::from_bytes(10, &[1, padding]);
        assert_eq!(refused, Err(GroupSetError::Padding));
    }
    for found in [0, 1, 3] {
        let refused = GroupSet::from_bytes(10, &vec![0; found]);
        let expected = 2;
        assert_eq!(refused, Err(GroupSetError::Length { expected, found }));
    }
    assert!(GroupSet::from_bytes(16, &[255, 255]).unwrap().is_full());
}

proptest! {
    #[test]
    fn a_set_agrees_with_a_set_of_numbers(
        groups in 0_u32..70,
        steps in vec((0_u32..80, any::<bool>()), 0..120),
    ) {
        let mut ours = GroupSet::new(groups);
        let mut theirs = BTreeSet::new();
        for (group, is_insert) in steps {
            if is_insert {
                prop_assert_eq!(ours.insert(group), group < groups && theirs.insert(group));
            } else {
                prop_assert_eq!(ours.remove(group), theirs.remove(&group));
            }
            prop_assert_eq!(ours.len() as usize, theirs.len());
        }
        prop_assert!((0..80).all(|group| ours.contains(group) == theirs.contains(&group)));
        prop_assert_eq!(ours.is_full(), theirs.len() == groups as usize);
        prop_assert_eq!(ours.is_empty(), theirs.is_empty());
        prop_assert_eq!(GroupSet::from_bytes(groups, ours.as_bytes()), Ok(ours));
    }

    #[test]
    fn the_first_groups_that_are_absent_here_and_held_there_are_found(
        ours in vec(any::<bool>(), 1..70),
        theirs in vec(any::<bool>(), 70),
        from in 0_u32..80,
        count in 1_u8..=16,
    ) {
        let groups = ours.len() as u32;
        let set = |held: &[bool]| {
            let mut set = GroupSet::new(groups);
            for group in (0..groups).filter(|group| held[*group as usize]) {
                set.insert(group);
            }
            set
        };
        let (mine, others) = (set(&ours), set(&theirs));
        for held in [None, Some(&others)] {
            let wanted = |group: &u32| !mine.contains(*group) && held.is_none_or(|held| held.contains(*group));
            let first = (from..groups).find(wanted);
            let expected = first.map(|first| {
                let run = (first..groups).take_while(wanted).take(count.into()).count();
                range(first, run as u8)
            });
            prop_assert_eq!(mine.first_absent(held, from, count), expected);
        }
    }
}

#[test]
fn a_full_set_has_each_of_its_groups_and_no_other_bits() {
    for groups in 1..=40 {
        let mut each = GroupSet::new(groups);
        for group in 0..groups {
            each.insert(group);
        }
        assert_eq!(GroupSet::full(groups), each);
    }
}
