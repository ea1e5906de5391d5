# A container's archive of the same description as ../../images/oci.nix, with a program that is there already
# and Debian's libraries, where nothing of nixpkgs can be built. It shows how the archive is described, and
# that it is the same each time; not the layers of a real closure.
{
  nixpkgs,
  root,
  role,
}:
let
  lib = import (nixpkgs + "/lib");
  does = (import ../../nixos-modules/roles.nix).${role};
  schema = import ../../nixos-modules/schema.nix { inherit lib; };
  config = import ../../images/oci-config.nix {
    inherit lib;
    program = "/bin/veza";
    arguments = [
      "serve"
      "--role"
      role
    ];
    version = (lib.importTOML ../../Cargo.toml).workspace.package.version;
    inherit (does) adminPort;
    serves = does.serves or false;
    mediaPort = if does.media or false then schema.keys."stream.media.port".default else null;
    curl = "/bin/curl";
    certificates = "/etc/ssl/certs/ca-certificates.crt";
  };
in
derivation {
  name = "veza-${role}.tar";
  system = "x86_64-linux";
  builder = "/bin/bash";
  args = [
    "-euc"
    ''
      export PATH=/usr/bin:/bin
      pack() { tar --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner --format=gnu "$@"; }
      # Libraries change seldom, the program with each version: the layer below comes first.
      for layer in libraries program; do pack -C "$root/$layer" -cf $layer.tar .; done
      digest() { sha256sum "$1" | cut -d ' ' -f 1; }
      printf '{"architecture":"amd64","os":"linux","created":"1970-01-01T00:00:01Z","config":%s,"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' \
        "$config" "$(digest libraries.tar)" "$(digest program.tar)" > config.json
      printf '[{"Config":"config.json","RepoTags":["veza-%s:%s"],"Layers":["libraries.tar","program.tar"]}]' \
        "$role" "$version" > manifest.json
      pack -cf "$out" manifest.json config.json libraries.tar program.tar
    ''
  ];
  inherit root role;
  config = builtins.toJSON config;
  version = config.Labels."org.opencontainers.image.version";
}
