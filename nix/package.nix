# The program, by crane where one is given (dependencies are built once, for every check), else by
# nixpkgs' own builder.
{
  lib,
  rustPlatform,
  pkg-config,
  libpq,
  installShellFiles,
  craneLib ? null,
}:
let
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
    meta = {
      description = "The backend of a multi-tenant SaaS: organisations, people, access";
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
if craneLib == null then
  rustPlatform.buildRustPackage (
    common
    // {
      cargoLock.lockFile = ../Cargo.lock;
      cargoBuildFlags = [
        "--package"
        "veza-server"
      ];
    }
  )
else
  craneLib.buildPackage (
    common
    // {
      cargoExtraArgs = "--locked --package veza-server";
      cargoArtifacts = craneLib.buildDepsOnly (
        removeAttrs common [ "postInstall" ]
        // {
          cargoExtraArgs = "--locked --package veza-server";
        }
      );
    }
  )
