# A node as NixOS would write it, for a Debian root file system: what units are there, whom they run as, and
# which paths of the store hold their files. `run` boots it in a container with the real program.
{ nixpkgs }:
let
  lib = import (nixpkgs + "/lib");
  outputs = import ../. {
    inherit nixpkgs;
    overlays = [ (import ../checks/overlay.nix) ];
  };
  pkgs = outputs.legacyPackages.x86_64-linux.pkgs;
  # Of Debian's programs, the versions that decide what the modules write.
  versioned =
    package: version:
    package.overrideAttrs (_: {
      inherit version;
      name = "${package.pname}-${version}";
      __intentionallyOverridingVersion = true;
    });
  node = import (nixpkgs + "/nixos/lib/eval-config.nix") {
    system = null;
    modules = [
      outputs.nixosModules.single-node
      {
        nixpkgs.pkgs = pkgs;
        system.stateVersion = "26.05";
        fileSystems."/" = {
          device = "none";
          fsType = "none";
        };
        boot.loader.grub.enable = false;
        services.nginx.package = versioned pkgs.nginx "1.22.1";
        services.veza = {
          package = outputs.packages.x86_64-linux.veza;
          # Nothing is built.
          checkConfig = false;
          database = {
            package = pkgs.postgresql_15;
            # For other machines too, which here are this one.
            network = {
              enable = true;
              clients = [ "127.0.0.1/32" ];
              certificate = "/etc/veza/cert.pem";
              key = "/etc/veza/key.pem";
              passwords.veza_app = "/etc/veza/veza_app";
            };
          };
          redis.createLocally = true;
          roles.stream.enable = true;
          edge = {
            domain = "api.example.com";
            certificate = "/etc/veza/cert.pem";
            key = "/etc/veza/key.pem";
            # The load comes from one address.
            rateLimit.perSecond = 100000;
            rateLimit.burst = 100000;
          };
          # Restarts are to be seen to lose nothing, not to take long.
          settings.tenant.requests_per_minute = 1000000;
          # The address of the container; see ./guest.
          settings.stream.media.announce = [ "10.9.0.1" ];
        };
      }
    ];
  };
  inherit (node) config;
  wanted = [
    "nginx.service"
    "postgresql.service"
    "postgresql-setup.service"
    "postgresql.target"
    "redis-veza.service"
  ];
in
{
  units =
    lib.mapAttrs
      (_: unit: {
        inherit (unit) text wantedBy requiredBy;
      })
      (
        lib.filterAttrs (
          name: unit: unit.enable && (lib.hasPrefix "veza" name || lib.elem name wanted)
        ) config.systemd.units
      );
  users =
    lib.mapAttrs
      (_: user: {
        inherit (user) group extraGroups home;
      })
      (
        lib.filterAttrs (
          name: _:
          lib.hasPrefix "veza" name
          || lib.elem name [
            "nginx"
            "postgres"
            "redis-veza"
          ]
        ) config.users.users
      );
  etc = lib.mapAttrs (_: file: toString file.source) (
    lib.filterAttrs (name: file: file.enable && lib.hasPrefix "nginx/" name) config.environment.etc
  );
  # Where the real program belongs.
  program = lib.getExe config.services.veza.package;
  admin = toString (
    lib.findFirst (package: lib.getName package == "veza-admin") null config.environment.systemPackages
  );
}
