# Tests in virtual machines, as checks of the flake. They take KVM and something to build with; where there
# is neither, `cargo xtask nix` evaluates them and no more.
{
  pkgs,
  lib,
  veza,
  modules,
}:
let
  test =
    file:
    pkgs.testers.runNixOSTest {
      imports = [ file ];
      defaults = {
        imports = [ modules.default ];
        services.veza.package = veza;
        virtualisation.memorySize = 2048;
      };
      node.specialArgs.vezaModules = modules;
    };
in
lib.mapAttrs (_: test) {
  test-single-node = ./single-node.nix;
  test-split = ./split.nix;
  test-migration = ./migration.nix;
}
