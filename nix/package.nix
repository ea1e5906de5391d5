# The program, by crane where one is given (dependencies are built once, for every check), else by
# nixpkgs' own builder.
{
  lib,
  rustPlatform,
  pkg-config,
  libpq,
  installShellFiles,
  craneLib ? null,
  # Optional parts of the program: `veza.override { features = [ "s3" ]; }`.
  features ? [ ],
}:
let
  unknown = lib.subtractLists (import ../nixos-modules/features.nix { inherit lib; }) features;
  cargoFeatures = lib.concatStringsSep "," features;
  # What the compiler reads, and nothing else: a change of the documentation builds nothing anew.
  parts = [
    "Cargo.toml"
    "Cargo.lock"
    "clippy.toml"
    "crates"
    "migrations"
    "tests"
    "xtask"
  ];
  root = toString ../.;
  src = lib.cleanSourceWith {
    name = "veza-source";
    src = ../.;
    filter =
      path: _type:
      lib.elem (lib.head (lib.splitString "/" (lib.removePrefix "${root}/" (toString path)))) parts;
  };
  common = {
    pname = "veza";
    version = (lib.importTOML ../Cargo.toml).workspace.package.version;
    inherit src;
    strictDeps = true;
    nativeBuildInputs = [
      pkg-config
      libpq.pg_config
      installShellFiles
    ];
    buildInputs = [ libpq ];
    # They need a PostgreSQL, a browser and a mail server: `cargo xtask test` runs them.
    doCheck = false;
    postInstall = ''
      rm -f $out/bin/xtask
      installShellCompletion --cmd veza \
        --bash <($out/bin/veza completions bash) \
        --fish <($out/bin/veza completions fish) \
        --zsh <($out/bin/veza completions zsh)
      $out/bin/veza man > veza.1
      installManPage veza.1
    '';
    passthru = { inherit features; };
    meta = {
      description = "The backend of a multi-tenant SaaS: organisations, files, chat, media, queues";
      homepage = "https://github.com/veza-dev/veza";
      license = [
        lib.licenses.mit
        lib.licenses.asl20
      ];
      mainProgram = "veza";
      platforms = lib.platforms.linux;
    };
  };
in
assert lib.assertMsg (
  unknown == [ ]
) "veza: ${lib.concatStringsSep ", " unknown} is no feature of the program";
if craneLib == null then
  rustPlatform.buildRustPackage (
    common
    // {
      cargoLock.lockFile = ../Cargo.lock;
      buildFeatures = features;
      cargoBuildFlags = [
        "--package"
        "veza-server"
      ];
    }
  )
else
  let
    cargoExtraArgs = "--locked --package veza-server --features=${cargoFeatures}";
  in
  craneLib.buildPackage (
    common
    // {
      inherit cargoExtraArgs;
      cargoArtifacts = craneLib.buildDepsOnly (
        removeAttrs common [ "postInstall" ] // { inherit cargoExtraArgs; }
      );
    }
  )
