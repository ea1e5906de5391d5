# What the modules take the program to be, for comparison with the program itself.
{ lib }:
let
  schema = import ../../nixos-modules/schema.nix { inherit lib; };
  toml = import ../../nixos-modules/toml.nix { inherit lib; };
  defaults = lib.mapAttrs (_: node: node.default or null) schema.keys;
  given = lib.filterAttrs (_: it: it != null) defaults;
  nested = lib.mapAttrsToList (key: lib.setAttrByPath (lib.splitString "." key)) given;
in
{
  # A file that says of each key what the modules take for its default: the program must take it, and be
  # as it is with an empty file.
  defaults = toml (lib.foldl' lib.recursiveUpdate { } nested);
  roles = lib.attrNames (import ../../nixos-modules/roles.nix);
  inherit (schema) secrets;
}
