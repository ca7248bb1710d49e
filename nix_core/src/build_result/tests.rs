use alloc::string::ToString;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn statuses_have_the_numbers_and_names_of_nix() {
    let names = [
        "Built",
        "Substituted",
        "AlreadyValid",
        "PermanentFailure",
        "InputRejected",
        "OutputRejected",
        "TransientFailure",
        "CachedFailure",
        "TimedOut",
        "MiscFailure",
        "DependencyFailed",
        "LogLimitExceeded",
        "NotDeterministic",
        "ResolvesToAlreadyValid",
        "NoSubstituters",
    ];
    for (number, name) in (0..).zip(names) {
        let status = BuildStatus::from_wire_number(number).unwrap();
        assert_eq!((status.wire_number(), status.as_str()), (number, name));
        assert_eq!(status.to_string(), name);
        assert_eq!(status.is_success(), [0, 1, 2, 13].contains(&number));
    }
    assert_eq!(BuildStatus::from_wire_number(15), None);
    assert_eq!(BuildStatus::from_wire_number(u64::MAX), None);
    let mismatch = BuildStatus::Failure(BuildFailure::HashMismatch);
    assert_eq!(
        (mismatch.wire_number(), mismatch.as_str()),
        (5, "HashMismatch")
    );
}

fn failure() -> Value {
    json!({ "success": false, "status": "TimedOut", "errorMsg": "slow" })
}

fn success() -> Value {
    let output = json!({ "outPath": "1w1fff338fvdw53sqgamddn1b2xgds47-own", "signatures": [] });
    json!({ "success": true, "status": "Built", "builtOutputs": { "out": output } })
}

#[test]
fn json_that_is_no_build_result_says_where() {
    let own = "1w1fff338fvdw53sqgamddn1b2xgds47-own";
    let id = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855!dev";
    for (json, pointer, value, path) in [
        (failure(), "/success", json!(true), ".status"),
        (failure(), "/success", json!(0), ".success"),
        (failure(), "/status", json!("Built"), ".status"),
        (failure(), "/status", json!(8), ".status"),
        (failure(), "/errorMsg", json!(null), ".errorMsg"),
        (success(), "/success", json!(false), ".status"),
        (success(), "/status", json!("TimedOut"), ".status"),
        (success(), "/builtOutputs", json!([]), ".builtOutputs"),
        (
            success(),
            "/builtOutputs",
            json!({ "": {} }),
            ".builtOutputs[\"\"]",
        ),
        (
            success(),
            "/builtOutputs/out",
            json!({}),
            ".builtOutputs.out.outPath",
        ),
        (
            success(),
            "/builtOutputs/out",
            json!({ "id": 1, "outPath": own }),
            ".builtOutputs.out.id",
        ),
    ] {
        let mut json = json;
        *json.pointer_mut(pointer).unwrap() = value;
        let error = BuildResult::from_json(&json).unwrap_err();
        assert_eq!(error.path(), path, "{error}");
    }
    for (key, value) in [("timesBuilt", json!(-1)), ("cpuUser", json!("1"))] {
        let mut json = failure();
        json[key] = value;
        let error = BuildResult::from_json(&json).unwrap_err();
        assert_eq!(error.path(), alloc::format!(".{key}"));
    }
    let mut json = success();
    json["builtOutputs"]["out"]["id"] = json!(id);
    let error = BuildResult::from_json(&json).unwrap_err();
    assert_eq!(
        error.to_string(),
        "at .builtOutputs.out.id: the output is not out"
    );
}

#[test]
fn missing_times_are_unknown() {
    let read = BuildResult::from_json(&failure()).unwrap();
    assert_eq!(read.status(), BuildStatus::Failure(BuildFailure::TimedOut));
    assert_eq!((read.times_built, read.cpu_user), (0, None));
    let read = BuildResult::from_json(&success()).unwrap();
    let BuildOutcome::Success { built_outputs, .. } = read.outcome else {
        panic!("it succeeded");
    };
    let path = built_outputs["out"].out_path();
    assert_eq!(path.name(), "own");
}

proptest! {
    #[test]
    fn build_results_are_read_as_they_are_written(result in arb_build_result()) {
        prop_assert_eq!(BuildResult::from_json(&result.to_json()), Ok(result));
    }
}
