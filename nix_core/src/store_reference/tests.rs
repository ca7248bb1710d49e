use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> StoreReference {
    StoreReference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn authority(text: &str) -> Authority {
    match parse(text).location {
        StoreLocation::Url(url) => url.authority().clone(),
        other => panic!("{other:?} is no URL"),
    }
}

#[test]
fn short_forms_are_what_they_stand_for() {
    let check = |text: &str, printed: &str| assert_eq!(parse(text).to_string(), printed);
    check("", "auto");
    check("auto", "auto");
    check("?a=b", "auto?a=b");
    check("auto?root=/foo/bar", "auto?root=/foo/bar");
    check("daemon", "daemon");
    check("daemon?max-connections=7", "unix://?max-connections=7");
    check("local", "local");
    check("local?root=/foo", "local://?root=/foo");
    check("/", "local:///");
    check(
        "/foo//bar/../baz/?trusted=true",
        "local:///foo/baz?trusted=true",
    );
    check("/foo bar/100%", "local:///foo%20bar/100%25");
    check(r"C:\foo\bar", "local:///C:/foo/bar");
    check("unix:///run/nix.sock", "unix:///run/nix.sock");
    check("local:/foo", "local:///foo");
    check("dummy:", "dummy://");
    check("file://", "file:///");
    check("nar+file://", "nar+file:///");
    assert_eq!(parse("daemon").location, StoreLocation::Daemon);
    assert_eq!(parse("local").location, StoreLocation::Local);
    for (text, scheme) in [("daemon?a=b", "unix"), ("local?a=b", "local")] {
        let url = StoreUrl::new(scheme, Authority::default(), "").expect("a URL");
        assert_eq!(parse(text).location, StoreLocation::Url(url), "{text}");
    }
}

#[test]
fn a_url_has_a_scheme_and_a_decoded_path() {
    let parts = |text: &str| match parse(text).location {
        StoreLocation::Url(url) => (url.scheme().to_string(), url.path().to_string()),
        other => panic!("{text}: {other:?}"),
    };
    for (text, scheme, path) in [
        ("https://cache.nixos.org", "https", ""),
        ("ssh-ng://host/a%20b%25", "ssh-ng", "/a b%"),
        ("unix:///run/nix.sock", "unix", "/run/nix.sock"),
    ] {
        assert_eq!(parts(text), (scheme.to_string(), path.to_string()));
    }
}

#[test]
fn relative_paths_need_a_folder() {
    for text in ["./foo?a=b", "../x", "foo/bar"] {
        assert_eq!(
            StoreReference::parse(text),
            Err(StoreReferenceError::RelativePath),
            "{text}"
        );
    }
    let check = |text: &str, printed: &str| {
        let reference = StoreReference::parse_in(text, "/home/me").unwrap();
        assert_eq!(reference.to_string(), printed);
    };
    check("./foo?a=b", "local:///home/me/foo?a=b");
    check("../../../x", "local:///x");
    check("foo/bar", "local:///home/me/foo/bar");
    check("/foo/bar", "local:///foo/bar");
    check("daemon", "daemon");
    let relative = StoreReference::parse_in("./x", "y");
    assert_eq!(relative, Err(StoreReferenceError::RelativePath));
}

#[test]
fn hosts_are_names_or_addresses() {
    let check = |text: &str, host: Host, port: Option<u16>| {
        let found = authority(text);
        assert_eq!((found.host, found.port), (host, port), "{text}");
    };
    let ipv6 = |address: &str, zone: Option<&str>| {
        Host::Ipv6(address.parse().unwrap(), zone.map(String::from))
    };
    check("ssh://localhost", Host::Name("localhost".into()), None);
    check(
        "https://cache.example:8080/x",
        Host::Name("cache.example".into()),
        Some(8080),
    );
    check(
        "https://cache.example:/x",
        Host::Name("cache.example".into()),
        None,
    );
    check("ssh://a%2Db", Host::Name("a-b".into()), None);
    check(
        "ssh://10.0.0.1:22",
        Host::Ipv4([10, 0, 0, 1].into()),
        Some(22),
    );
    check("ssh://[::1]", ipv6("::1", None), None);
    check("ssh://[::1]:22", ipv6("::1", None), Some(22));
    check("ssh://::1", ipv6("::1", None), None);
    // Ambiguous: taken as part of the address.
    check("ssh://::1:22", ipv6("::1:22", None), None);
    check(
        "ssh://[fe80::1%25eth0]:22",
        ipv6("fe80::1", Some("eth0")),
        Some(22),
    );
    check("ssh://[fe80::1%eth0]", ipv6("fe80::1", Some("eth0")), None);
    check("ssh://fe80::1%eth0", ipv6("fe80::1", Some("eth0")), None);
    check("ssh://[fe80::1%25]", ipv6("fe80::1", Some("25")), None);
    // Without brackets the `%` is not quoted: this is zone 25.
    check("ssh://fe80::1%25", ipv6("fe80::1", Some("25")), None);
}

#[test]
fn users_and_passwords_are_decoded() {
    let check = |text: &str, user: Option<&str>, password: Option<&str>| {
        let found = authority(text);
        assert_eq!(
            (found.user.as_deref(), found.password.as_deref()),
            (user, password),
            "{text}"
        );
    };
    check("ssh://host", None, None);
    check("ssh://me@host", Some("me"), None);
    check("https://me:a%40b@host", Some("me"), Some("a@b"));
    check("https://me:@host", Some("me"), Some(""));
    check("ssh://@host", Some(""), None);
    check("ssh://me@::1", Some("me"), None);
}

#[test]
fn parameters_are_decoded_and_the_first_of_equal_ones_counts() {
    let params = parse(r#"auto?a=1&b=x%26y=z?&a=2&none&&c="q r"&%20="#).params;
    let params: alloc::vec::Vec<_> = params
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        params,
        [(" ", ""), ("a", "1"), ("b", "x&y=z?"), ("c", r#""q r""#)]
    );
    let nested = parse("local://?remote-store=unix://%3Fx%3Dy");
    assert_eq!(nested.params["remote-store"], "unix://?x=y");
    assert_eq!(nested.to_string(), "local://?remote-store=unix://?x%3Dy");
}

#[test]
fn malformed_references_are_refused() {
    let check = |text: &str, error| {
        assert_eq!(StoreReference::parse(text), Err(error), "{text}");
    };
    check("nonsense", StoreReferenceError::Form);
    check("Auto", StoreReferenceError::Form);
    check("auto#x", StoreReferenceError::Fragment);
    check("local:///x#y", StoreReferenceError::Fragment);
    check("1a://host", StoreReferenceError::Scheme);
    check("://host", StoreReferenceError::Scheme);
    check("foo:bar", StoreReferenceError::RelativePath);
    check("ssh://host:0", StoreReferenceError::Port);
    check("ssh://host:65536", StoreReferenceError::Port);
    check("ssh://host:+1", StoreReferenceError::Port);
    check("ssh://a b", StoreReferenceError::Host);
    check("ssh://[::1", StoreReferenceError::Host);
    check("ssh://[::1]x", StoreReferenceError::Host);
    check("ssh://[]", StoreReferenceError::Host);
    check("ssh://[v1.x]", StoreReferenceError::Host);
    check("ssh://[fe80::1%25%25]", StoreReferenceError::Host);
    check("ssh://[fe80::1%25a/b]", StoreReferenceError::Host);
    check("ssh://a%0Ab", StoreReferenceError::Host);
    check("ssh://a@b@c", StoreReferenceError::Host);
    check("ssh://a[b@c", StoreReferenceError::User);
    check("file://host/x", StoreReferenceError::FileHost);
    check("nar+file://host/x", StoreReferenceError::FileHost);
    check("local:///a b", StoreReferenceError::PathSymbol);
    check("local:///a%2Fb", StoreReferenceError::PathSymbol);
    check("local:///a%2fb", StoreReferenceError::PathSymbol);
    check("local:///a%00b", StoreReferenceError::PathSymbol);
    check("/a\0b", StoreReferenceError::PathSymbol);
    check("local:///a%", StoreReferenceError::Percent);
    check("local:///a%4", StoreReferenceError::Percent);
    check("local:///a%+4", StoreReferenceError::Percent);
    check("local:///a%ff", StoreReferenceError::Percent);
    check("auto?a=%zz", StoreReferenceError::Percent);
    check("auto?a=\u{e9}", StoreReferenceError::ParamSymbol);
    check("auto?a=\n", StoreReferenceError::ParamSymbol);
}

#[test]
fn no_host_or_user_can_be_taken_for_an_option_of_ssh() {
    for (text, error) in [
        ("ssh://-oProxyCommand=x", StoreReferenceError::Host),
        ("ssh://%2DoProxyCommand=x/y", StoreReferenceError::Host),
        ("ssh://-oProxyCommand=x@host", StoreReferenceError::User),
        ("ssh://-oProxyCommand=x@::1", StoreReferenceError::User),
        ("ssh://a%00b@host", StoreReferenceError::User),
    ] {
        assert_eq!(StoreReference::parse(text), Err(error), "{text}");
    }
}

fn arb_host() -> impl Strategy<Value = Host> {
    let name = "[a-z\u{e9}][a-z.\u{e9}!-]{0,10}";
    prop_oneof![
        Just(Host::default()),
        name.prop_map(Host::Name),
        any::<[u8; 4]>().prop_map(|bytes| Host::Ipv4(bytes.into())),
        (any::<[u16; 8]>(), prop::option::of("[a-z0-9]{1,5}"))
            .prop_map(|(parts, zone)| Host::Ipv6(parts.into(), zone)),
    ]
}

fn arb_location() -> impl Strategy<Value = StoreLocation> {
    let user = prop::option::of(("[a-z@ %:]{1,5}", prop::option::of("\\PC{0,5}")));
    let authority = (user, arb_host(), prop::option::of(1_u16..));
    let authority = authority.prop_map(|(user, host, port)| {
        let (user, password) = user.map_or((None, None), |(user, pass)| (Some(user), pass));
        Authority {
            user,
            password,
            host,
            port,
        }
    });
    let scheme = "[a-zA-Z][a-zA-Z0-9+.-]{0,6}".prop_filter("no file", |s| !s.ends_with("file"));
    let url = (scheme, authority, "(/[^/\0]{0,6}){0,4}");
    let url = url.prop_map(|(scheme, authority, path)| StoreUrl::new(&scheme, authority, &path));
    prop_oneof![
        1 => Just(StoreLocation::Auto),
        4 => url.prop_map(|url| StoreLocation::Url(url.unwrap())),
    ]
}

proptest! {
    #[test]
    fn whatever_is_printed_is_read_again(
        location in arb_location(),
        params in prop::collection::btree_map("\\PC{0,5}", "\\PC{0,5}", 0..4),
    ) {
        let reference = StoreReference { location, params };
        let printed = reference.to_string();
        prop_assert_eq!(StoreReference::parse(&printed), Ok(reference), "{}", printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        text in "(ssh://|local:|/|)[a-z0-9%@:/?&=#.\\[\\]\u{e9} -]{0,30}|\\PC{0,30}",
    ) {
        if let Ok(reference) = StoreReference::parse(&text) {
            prop_assert_eq!(StoreReference::parse(&reference.to_string()), Ok(reference));
        }
    }
}
