use libp2p_kad::PROTOCOL_NAME;

use super::*;

/// The parts of a configuration can be read nowhere but in its text.
fn text(config: &Config) -> String {
    format!("{config:?}")
}

#[test]
fn jobs_are_off_and_lives_are_limited() {
    let config = text(&recommended(Config::new(PROTOCOL_NAME)));
    for expected in [
        "record_replication_interval: None",
        "record_publication_interval: None",
        "provider_publication_interval: None",
        " record_ttl: Some(172800s)",
        "provider_record_ttl: Some(172800s)",
        "record_filtering: FilterBoth",
        "disjoint_query_paths: true",
        "max_packet_size: 65536",
    ] {
        assert!(config.contains(expected), "{expected} in {config}");
    }
}

#[test]
fn what_is_not_ours_to_decide_stays() {
    let mut config = Config::new(PROTOCOL_NAME);
    config
        .set_query_timeout(Duration::from_secs(7))
        .set_caching(libp2p_kad::Caching::Disabled);
    let config = text(&recommended(config));
    assert!(config.contains("timeout: 7s"), "{config}");
    assert!(config.contains("caching: Disabled"), "{config}");
}
