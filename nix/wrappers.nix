# A program for each role, for those who name processes by what they do.
{ pkgs, veza }:
let
  inherit (pkgs) lib;
  wrapper =
    role: _:
    lib.nameValuePair "veza-${role}" (
      pkgs.writeShellScriptBin "veza-${role}" ''exec ${lib.getExe veza} serve --role ${role} "$@"''
    );
in
lib.mapAttrs' wrapper (import ../nixos-modules/roles.nix)
