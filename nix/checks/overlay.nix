# Stand-ins, for evaluation only: a tree may lack the Haskell packages that these are made of, and whoever
# uses them only needs them to be there when it is built.
_final: prev:
let
  stand-in =
    name:
    prev.emptyDirectory.overrideAttrs (_: {
      inherit name;
    })
    // {
      compiler.bootstrapAvailable = false;
    };
in
prev.lib.genAttrs [ "shellcheck" "shellcheck-minimal" "pandoc" "nixfmt" ] stand-in
