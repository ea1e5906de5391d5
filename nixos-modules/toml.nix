# Settings as TOML. nixpkgs' own generator runs a program while the system is built; this text is known as
# soon as the configuration is evaluated, so it can be checked and compared without a build.
{ lib }:
let
  key = name: if builtins.match "[A-Za-z0-9_-]+" name == null then builtins.toJSON name else name;
  # JSON's strings, numbers and booleans are TOML's too.
  value =
    it:
    if lib.isAttrs it && !lib.isDerivation it then
      "{ ${lib.concatStringsSep ", " (lib.mapAttrsToList (name: its: "${key name} = ${value its}") it)} }"
    else if lib.isList it then
      "[${lib.concatMapStringsSep ", " value it}]"
    else
      builtins.toJSON it;
  line = name: it: "${key name} = ${value it}\n";
  lines = table: lib.concatStrings (lib.mapAttrsToList line table);
  isTable = it: lib.isAttrs it && !lib.isDerivation it;
  # Of a table its values, then its tables, each under a heading of its own.
  section =
    path: table:
    let
      heading = "\n[${lib.concatMapStringsSep "." key path}]\n";
      plain = lib.filterAttrs (_: it: !isTable it) table;
      tables = lib.filterAttrs (_: isTable) table;
    in
    lib.optionalString (plain != { }) ((lib.optionalString (path != [ ]) heading) + lines plain)
    + lib.concatStrings (lib.mapAttrsToList (name: section (path ++ [ name ])) tables);
in
settings: lib.removePrefix "\n" (section [ ] settings)
