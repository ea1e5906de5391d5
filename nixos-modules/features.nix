# The optional parts of the program, as its manifest has them.
{ lib }:
lib.remove "default" (lib.attrNames (lib.importTOML ../crates/server/Cargo.toml).features)
