# What can be said by evaluation alone, for `cargo xtask nix`. Nothing is built: each attribute is a text,
# a path of a derivation, or a list of complaints.
{
  nixpkgs,
  crane ? null,
  disko ? null,
}:
let
  outputs = import ../. {
    inherit nixpkgs crane disko;
    overlays = [ (import ./overlay.nix) ];
  };
  lib = import (nixpkgs + "/lib");
  paths = lib.mapAttrs (_: it: it.drvPath);
  native = "x86_64-linux";
  render = import ./render.nix { inherit lib; };
  # The program as a modular service, beside everything that is the caller's.
  modular = import (nixpkgs + "/nixos/lib/eval-config.nix") {
    system = null;
    modules = [
      outputs.nixosModules.default
      {
        nixpkgs = { inherit (outputs.legacyPackages.${native}) pkgs; };
        system.stateVersion = "26.05";
        system.services.veza = {
          imports = [ outputs.packages.${native}.veza.services.default ];
          veza = {
            configFile = "/etc/veza/veza.toml";
            secrets."tenant.root_secret" = "/etc/veza/secrets/root_secret";
          };
        };
      }
    ];
  };
in
{
  toplevels = lib.mapAttrs (
    _: node: node.config.system.build.toplevel.drvPath
  ) outputs.nixosConfigurations;
  # Nodes with images: one who lays out a disk has none.
  nodes = lib.attrNames (lib.filterAttrs (_: images: images != { }) outputs.images.${native});
  images = lib.mapAttrs (_: paths) outputs.images.${native};
  packages = paths outputs.packages.${native};
  tests = paths outputs.checks.${native};
  # The flake's own function gives the same.
  flake =
    ((import ../../flake.nix).outputs { inherit nixpkgs crane disko; })
    .packages.${native}.options.drvPath;
  shell = outputs.devShells.${native}.default.drvPath;
  apps = lib.mapAttrs (_: app: app.program) outputs.apps.${native};
  options = outputs.packages.${native}.options.text;
  # What is written for each node; see ./render.nix. A disk layout changes nothing of it.
  rendered =
    lib.mapAttrs (_: render) (
      lib.filterAttrs (name: _: !lib.hasPrefix "hetzner-" name) outputs.nixosConfigurations
    )
    // {
      modular-service = render modular;
    };
  # Of each wrong configuration what is said, and what should be.
  assertions = import ./assertions.nix {
    inherit lib nixpkgs;
    inherit (outputs.legacyPackages.${native}) pkgs;
    modules = outputs.nixosModules;
  };
  settings = import ./settings.nix { inherit lib; };
}
