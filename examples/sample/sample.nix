# A small world of packages with real names, built by nothing but /bin/sh: sources with fixed
# outputs, packages with several outputs, content-addressed packages, packages that depend on
# those, and derivations for a system that nobody here builds.
{ system ? "x86_64-linux" }:
let
  source = pname: version:
    let text = "the source of ${pname} ${version}\n"; in
    derivation {
      name = "${pname}-${version}.tar.gz";
      inherit system text;
      builder = "/bin/sh";
      args = [ "-c" "printf %s \"$text\" >$out" ];
      url = "https://sources.example.org/${pname}/${pname}-${version}.tar.gz";
      outputHashMode = "flat";
      outputHashAlgo = "sha256";
      outputHash = builtins.hashString "sha256" text;
    };

  package = pname: version: { inputs ? [ ], outputs ? [ "out" ], tools ? [ stdenv ], src ? false
                            , propagated ? [ ], self ? false, kib ? 4, ... }@attrs:
    derivation ({
      name = "${pname}-${version}";
      inherit pname version outputs system kib;
      builder = "/bin/sh";
      args = [ "-e" ./builder.sh ];
      nativeBuildInputs = tools;
      buildInputs = inputs;
      propagatedBuildInputs = propagated;
      self = if self then builtins.placeholder "out" else "";
    }
    // (if src then { src = source pname version; } else { })
    // (attrs.extra or { }));

  contentAddressed = {
    __contentAddressed = true;
    outputHashMode = "recursive";
    outputHashAlgo = "sha256";
  };

  lib = x: x.lib or x.out;

  bootstrap = package "bootstrap-tools" "2023-04" { tools = [ ]; kib = 96; };
  glibc = package "glibc" "2.38-44" {
    tools = [ bootstrap ]; src = true; self = true; kib = 128;
    outputs = [ "out" "bin" "dev" ];
    extra.patches = [ (builtins.toFile "fix-rpc-types-musl-conflicts.patch" "--- a/rpc.h\n+++ b/rpc.h\n") ];
  };
  binutils = package "binutils" "2.41" { tools = [ bootstrap ]; inputs = [ glibc zlib ]; src = true; kib = 64; };
  gccLib = package "gcc" "13.2.0" { tools = [ bootstrap ]; inputs = [ glibc ]; outputs = [ "out" "lib" "man" ]; src = true; kib = 256; };
  zlib = package "zlib" "1.3.1" { tools = [ bootstrap ]; inputs = [ glibc ]; outputs = [ "out" "dev" ]; src = true; };
  stdenv = package "stdenv-linux" "1" {
    tools = [ bootstrap ];
    inputs = [ glibc glibc.bin gccLib binutils bash coreutils gnused gnugrep gawk gnutar gzip bzip2.bin xz.bin patchelf ];
    extra.setup = builtins.toFile "setup.sh" "set -eu\nset -o pipefail\n";
  };
  boot = { tools = [ bootstrap ]; };
  pkg = pname: version: inputs: package pname version { inherit inputs; src = true; };
  boots = pname: version: inputs: package pname version (boot // { inherit inputs; });
  dev = pname: version: inputs: package pname version {
    inherit inputs;
    src = true;
    outputs = [ "out" "dev" ];
    propagated = map (x: x.dev or x.out) inputs;
  };

  bash = package "bash" "5.2p26" (boot // { inputs = [ glibc ]; self = true; src = true; kib = 24; });
  coreutils = boots "coreutils" "9.4" [ glibc acl attr gmp ];
  acl = boots "acl" "2.3.2" [ glibc attr ];
  attr = boots "attr" "2.5.2" [ glibc ];
  gmp = boots "gmp" "6.3.0" [ glibc ];
  gnused = boots "gnused" "4.9" [ glibc ];
  gnugrep = boots "gnugrep" "3.11" [ glibc pcre2 ];
  gawk = boots "gawk" "5.2.2" [ glibc ];
  gnutar = boots "gnutar" "1.35" [ glibc acl ];
  gzip = boots "gzip" "1.13" [ glibc bash ];
  pcre2 = boots "pcre2" "10.43" [ glibc ];
  patchelf = boots "patchelf" "0.15.0" [ glibc (lib gccLib) ];
  bzip2 = package "bzip2" "1.0.8" (boot // { inputs = [ glibc ]; outputs = [ "bin" "out" "dev" ]; });
  xz = package "xz" "5.4.6" (boot // { inputs = [ glibc ]; outputs = [ "bin" "out" "dev" "man" ]; });

  ncurses = dev "ncurses" "6.4" [ glibc ];
  readline = dev "readline" "8.2p10" [ glibc ncurses ];
  expat = dev "expat" "2.6.2" [ glibc ];
  libffi = dev "libffi" "3.4.6" [ glibc ];
  openssl = package "openssl" "3.0.13" { inputs = [ glibc ]; outputs = [ "bin" "dev" "out" "man" ]; src = true; kib = 40; };
  opensslOld = package "openssl" "1.1.1w" { inputs = [ glibc ]; outputs = [ "bin" "dev" "out" ]; src = true; kib = 32; };
  sqlite = package "sqlite" "3.45.3" { inputs = [ glibc zlib readline ]; outputs = [ "bin" "dev" "out" ]; src = true; kib = 16; };
  libxml2 = dev "libxml2" "2.12.6" [ glibc zlib xz ];
  nghttp2 = dev "nghttp2" "1.60.0" [ glibc (lib gccLib) ];
  libssh2 = dev "libssh2" "1.11.0" [ glibc openssl zlib ];
  zstd = dev "zstd" "1.5.5" [ glibc (lib gccLib) ];
  brotli = dev "brotli" "1.1.0" [ glibc ];
  curl = package "curl" "8.7.1" {
    inputs = [ glibc openssl nghttp2 libssh2 zlib zstd brotli libkrb5 ];
    outputs = [ "bin" "dev" "out" "man" ]; src = true; kib = 12;
    propagated = [ openssl.dev nghttp2.dev ];
  };
  libkrb5 = pkg "libkrb5" "1.21.2" [ glibc keyutils ];
  keyutils = pkg "keyutils" "1.6.3" [ glibc ];
  perl = package "perl" "5.38.2" { inputs = [ glibc libxcrypt ]; outputs = [ "out" "man" ]; self = true; src = true; kib = 80; };
  libxcrypt = pkg "libxcrypt" "4.4.36" [ glibc ];
  python = package "python3" "3.11.9" {
    inputs = [ glibc bash bzip2 expat libffi ncurses openssl readline sqlite xz zlib libxcrypt tzdata ];
    self = true; src = true; kib = 160;
  };
  tzdata = package "tzdata" "2024a" { outputs = [ "out" "bin" "man" ]; src = true; kib = 20; };
  libuv = dev "libuv" "1.48.0" [ glibc ];
  icu = dev "icu4c" "73.2" [ glibc (lib gccLib) ];
  nodejs = package "nodejs" "20.12.2" { inputs = [ glibc (lib gccLib) icu libuv openssl zlib nghttp2 ]; src = true; kib = 200; };
  git = package "git" "2.44.0" {
    inputs = [ glibc bash curl expat openssl pcre2 perl zlib gnused gnugrep coreutils ];
    self = true; src = true; kib = 60;
    extra.installCheck = builtins.toFile "git-sh-setup.sh" "git --version\n";
  };
  vim = pkg "vim" "9.1.0148" [ glibc bash gawk ncurses ];
  htop = pkg "htop" "3.3.0" [ glibc ncurses ];
  jq = package "jq" "1.7.1" { inputs = [ glibc oniguruma ]; outputs = [ "bin" "out" "lib" "dev" "man" ]; src = true; };
  oniguruma = pkg "oniguruma" "6.9.9" [ glibc ];
  ripgrep = pkg "ripgrep" "14.1.0" [ glibc (lib gccLib) pcre2 ];
  tmux = pkg "tmux" "3.4" [ glibc ncurses libevent ];
  libevent = dev "libevent" "2.1.12" [ glibc openssl ];
  openssh = pkg "openssh" "9.7p1" [ glibc bash openssl zlib libkrb5 libfido2 ];
  libfido2 = pkg "libfido2" "1.14.0" [ glibc libcbor openssl zlib ];
  libcbor = pkg "libcbor" "0.11.0" [ glibc ];
  nginx = pkg "nginx" "1.24.0" [ glibc opensslOld pcre2 zlib libxml2 ];
  postgresql = package "postgresql" "15.6" {
    inputs = [ glibc icu libxml2 openssl readline systemdMinimal tzdata zlib zstd ];
    outputs = [ "out" "lib" "doc" "man" ]; src = true; kib = 48;
  };
  systemdMinimal = pkg "systemd-minimal" "255.4" [ glibc libxcrypt utilLinux ];
  utilLinux = package "util-linux" "2.39.3" { inputs = [ glibc ncurses zlib ]; outputs = [ "bin" "dev" "out" "lib" "man" ]; };
  hello = pkg "hello" "2.12.1" [ glibc ];
  helloOld = pkg "hello" "2.10" [ glibc ];

  # Content-addressed: where the output lies is known once it is built.
  pyPackage = pname: version: inputs: package "python3.11-${pname}" version {
    inputs = [ python ] ++ inputs;
    extra = contentAddressed;
  };
  certifi = pyPackage "certifi" "2024.02.02" [ ];
  idna = pyPackage "idna" "3.7" [ ];
  charsetNormalizer = pyPackage "charset-normalizer" "3.3.2" [ ];
  urllib3 = pyPackage "urllib3" "2.2.1" [ idna certifi ];
  requests = pyPackage "requests" "2.31.0" [ certifi charsetNormalizer idna urllib3 ];
  numpy = package "python3.11-numpy" "1.26.4" {
    inputs = [ python (lib gccLib) openblas ];
    outputs = [ "out" "dev" ];
    extra = contentAddressed;
  };
  openblas = pkg "openblas" "0.3.27" [ glibc (lib gccLib) ];
  # Another derivation whose output is the same: built again with other tools.
  certifiAgain = package "python3.11-certifi" "2024.02.02" {
    inputs = [ python ];
    tools = [ stdenv perl ];
    extra = contentAddressed;
  };
  # Input-addressed, on content-addressed inputs.
  httpie = package "httpie" "3.2.2" { inputs = [ python requests ]; };

  etc = package "etc" "1" {
    tools = [ ];
    inputs = [
      (builtins.toFile "hostname" "sample\n")
      (builtins.toFile "sshd_config" "PermitRootLogin no\n")
      (builtins.toFile "locale.conf" "LANG=C.UTF-8\n")
      tzdata
    ];
  };
  systemPath = package "system-path" "1" {
    tools = [ perl ];
    inputs = [
      bash coreutils gnused gnugrep gawk gnutar gzip bzip2.bin xz.bin curl.bin git vim htop jq.bin
      ripgrep tmux openssh python hello httpie utilLinux.bin
    ];
  };
  system' = package "nixos-system-sample" "24.05" {
    tools = [ perl ];
    inputs = [ systemPath etc nginx postgresql systemdMinimal glibc.bin ];
    self = true;
  };
in
{
  inherit acl attr bash binutils bootstrap brotli certifi certifiAgain charsetNormalizer coreutils curl etc
    expat gawk git glibc gmp gnugrep gnused gnutar gzip hello helloOld htop httpie icu idna jq keyutils
    libcbor libevent libfido2 libkrb5 libssh2 libuv libxcrypt libxml2 ncurses nghttp2 nginx nodejs numpy
    oniguruma openblas openssh openssl opensslOld patchelf pcre2 perl postgresql python readline requests
    ripgrep sqlite stdenv systemdMinimal systemPath tmux tzdata urllib3 utilLinux vim zlib zstd;
  gcc = gccLib;
  gcc-lib = gccLib.lib;
  numpy-dev = numpy.dev;
  curl-dev = curl.dev;
  openssl-dev = openssl.dev;
  system = system';
}
