# `nix run`: `veza up`, with the PostgreSQL that it takes. `nix run .#vm`: a whole node in a virtual machine.
{
  pkgs,
  veza,
  nodes,
}:
let
  inherit (pkgs) lib;
  up = pkgs.writeShellApplication {
    name = "veza-up";
    runtimeInputs = [
      pkgs.util-linux
      pkgs.coreutils
    ];
    text = ''
      export VEZA_DATABASE__PG_BINDIR=''${VEZA_DATABASE__PG_BINDIR:-${pkgs.postgresql_17}/bin}
      exec ${lib.getExe veza} up "$@"
    '';
  };
  app = description: program: {
    type = "app";
    inherit program;
    meta = { inherit description; };
  };
in
{
  default = app "Veza with a PostgreSQL of its own" (lib.getExe up);
  veza = app "The program" (lib.getExe veza);
  vm = app "A node in a virtual machine, at http://127.0.0.1:8080" (
    lib.getExe nodes.local.system.config.system.build.vm
  );
}
