# All outputs, from the inputs: flakes, or paths of source trees. Nothing here is built to be evaluated.
{
  nixpkgs,
  crane ? null,
  disko ? null,
  overlays ? [ ],
}:
let
  lib = import (nixpkgs + "/lib");
  systems = [
    "x86_64-linux"
    "aarch64-linux"
  ];
  modules = import ../nixos-modules/profiles;

  forSystem =
    system:
    let
      pkgs = import nixpkgs { inherit system overlays; };
      craneLib =
        if crane == null then
          null
        else if crane ? mkLib then
          crane.mkLib pkgs
        else
          import crane { inherit pkgs; };
    in
    rec {
      inherit pkgs;
      package = pkgs.callPackage ./package.nix { inherit craneLib; };
      # With what runs it as a modular service.
      veza = package // {
        services.default = {
          imports = [ ../nixos-modules/service.nix ];
          veza.package = package;
        };
      };
      # With every optional part.
      full = package.override { features = import ../nixos-modules/features.nix { inherit lib; }; };
      nodes = import ../images {
        inherit
          nixpkgs
          lib
          pkgs
          veza
          modules
          disko
          ;
      };
      containers = import ../images/oci.nix {
        inherit (pkgs) dockerTools curlMinimal;
        inherit lib;
        # What a container does is said when it starts.
        veza = full;
      };
      documents = pkgs.callPackage ./options.nix {
        options = { inherit (nodes.single-node.system.options.services) veza; };
      };
      tests = import ./tests {
        inherit
          pkgs
          lib
          veza
          modules
          ;
      };
    };
  all = lib.genAttrs systems forSystem;
  each = f: lib.mapAttrs (_: f) all;
  configurations = lib.mapAttrs (_: node: node.system);
in
{
  nixosModules = modules;

  # For x86_64; on other machines `legacyPackages.<system>.nodes`.
  nixosConfigurations = configurations all.x86_64-linux.nodes;

  packages = each (
    system:
    {
      default = system.veza;
      inherit (system) veza;
      veza-full = system.full;
      options = system.documents.file;
    }
    // import ./wrappers.nix { inherit (system) pkgs veza; }
    // system.containers
  );

  # `images.<system>.<node>.<format>`: disks for machines, by the name of their format.
  images = each (system: lib.mapAttrs (_: node: node.images) system.nodes);

  legacyPackages = each (system: {
    inherit (system) pkgs;
    nodes = configurations system.nodes;
  });

  checks = each (system: { inherit (system) veza; } // system.tests);

  devShells = each (system: {
    default = system.pkgs.callPackage ./shell.nix { inherit (system) veza; };
  });

  apps = each (system: import ./apps.nix { inherit (system) pkgs veza nodes; });

  formatter = each (system: system.pkgs.nixfmt);
}
