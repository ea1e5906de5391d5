# Nodes by name: `system` is a NixOS configuration, `images` the disks that can be made of it. They stand
# for the nodes of a deployment, with addresses and names of examples; see docs/guides/nixos.md.
{
  nixpkgs,
  lib,
  pkgs,
  veza,
  modules,
  disko,
}:
let
  # Our names for those of `system.build.images`.
  disks = {
    qcow2 = "qemu-efi";
    raw-efi = "raw-efi";
  };
  clouds = {
    amazon = "amazon";
    google = "google-compute";
    azure = "azure";
  };
  node =
    parts:
    let
      system = import (nixpkgs + "/nixos/lib/eval-config.nix") {
        system = null;
        modules = [
          ./base.nix
          (
            { config, ... }:
            {
              nixpkgs.pkgs = pkgs;
              services.veza.package = lib.mkDefault (veza.override { inherit (config.services.veza) features; });
            }
          )
        ]
        ++ parts;
        specialArgs.vezaModules = modules;
      };
    in
    {
      inherit system;
      images = imagesOf disks system;
    };
  imagesOf =
    formats: system: lib.mapAttrs (_: format: system.config.system.build.images.${format}) formats;
  # A node that begins alone is what clouds and the installer are for; others join it later.
  everywhere =
    parts:
    let
      inherit (node parts) system;
    in
    {
      inherit system;
      images = imagesOf (disks // clouds) system // {
        installer = import ./installer.nix {
          inherit nixpkgs lib pkgs;
          node = system;
        };
      };
    };
  # disko lays out the disk itself and conflicts with images; `nixos-anywhere` installs such nodes.
  onDisk = parts: {
    inherit (node ([ (disko + "/module.nix") ] ++ parts)) system;
    images = { };
  };
in
lib.mapAttrs (_: node) {
  edge-node = [ ./edge-node.nix ];
  app-node = [ ./app-node.nix ];
  worker-node = [ ./worker-node.nix ];
  media-node = [ ./media-node.nix ];
  database-node = [ ./database-node.nix ];
  object-store-node = [ ./object-store-node.nix ];
  monitoring-node = [ ./monitoring-node.nix ];
}
// {
  single-node = everywhere [ ./single-node.nix ];
  # It is a virtual machine, and needs no disk to be written.
  local = {
    inherit (node [ ./local.nix ]) system;
    images = { };
  };
}
// lib.optionalAttrs (disko != null) (
  lib.mapAttrs (_: onDisk) {
    hetzner-cloud = [
      ./single-node.nix
      ./hetzner-cloud.nix
    ];
    hetzner-dedicated = [
      ./single-node.nix
      ./hetzner-dedicated.nix
    ];
  }
)
