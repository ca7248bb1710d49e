#!/bin/sh
# Makes the sample anew with a real Nix (2.8, with nix-command and ca-derivations): no network, no
# daemon, no nixpkgs. The logical store is /nix/store, the files lie in a folder that goes away.
# The key that signs goes away too: its public half stays here as public-key.
#
#     examples/sample/make.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'chmod -R u+w "$root" && rm -rf "$root"' EXIT

mkdir -p "$root/etc" "$root/home"
cat >"$root/etc/nix.conf" <<CONF
experimental-features = nix-command ca-derivations
build-users-group =
substituters =
secret-key-files = $root/secret-key
sandbox = true
sandbox-paths = /bin/sh=$(readlink -f /bin/sh) /lib /usr/lib $([ -d /lib64 ] && echo /lib64)
CONF
export NIX_CONF_DIR="$root/etc" HOME="$root/home" XDG_CACHE_HOME="$root/home/.cache"
unset NIX_PATH
export NIX_REMOTE="local?root=$root"

cp "$here/sample.nix" "$here/builder.sh" "$root/"
chmod 644 "$root/sample.nix" "$root/builder.sh"
cd "$root"

nix key generate-secret --key-name sample-1 >secret-key
nix key convert-secret-to-public <secret-key >"$here/public-key"

# In steps, so that not everything is registered in one second.
for attribute in bootstrap glibc stdenv openssl python system; do
    nix-build --no-out-link sample.nix -A "$attribute" >/dev/null
    sleep 1
done
nix-build --no-out-link sample.nix >/dev/null
nix-instantiate --add-root "$root/cross" --indirect sample.nix --argstr system aarch64-linux -A sqlite >/dev/null

# Compact, sorted, one item a line.
one_a_line() {
    python3 -c '
import json, sys
def compact(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
value = json.load(sys.stdin)
if isinstance(value, list):
    items = sorted(compact(item) for item in value)
    print("[\n" + ",\n".join(items) + "\n]")
else:
    items = [compact(key) + ":" + compact(item) for key, item in sorted(value.items())]
    print("{\n" + ",\n".join(items) + "\n}")'
}

nix path-info --json --all | one_a_line >"$here/path-info.json"
nix path-info --all | grep '\.drv$' | xargs nix show-derivation | one_a_line >"$here/derivations.json"
nix realisation info --json -f sample.nix | one_a_line >"$here/realisations.json"
