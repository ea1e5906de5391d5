# Containers by role: the program and nothing else, not even a shell. They run as a user without rights
# and need no file system that can be written to, but a volume for recordings where there is media. Each is a script that writes the archive to its standard
# output: `$(nix build --print-out-paths .#oci-api) | skopeo copy docker-archive:/dev/stdin …`.
{
  lib,
  dockerTools,
  curlMinimal,
  veza,
}:
let
  roles = import ../nixos-modules/roles.nix;
  # The default of the program's own schema.
  mediaPort = (import ../nixos-modules/schema.nix { inherit lib; }).keys."stream.media.port".default;
  container =
    name: arguments: role:
    lib.nameValuePair "oci-${name}" (
      dockerTools.streamLayeredImage {
        name = "veza-${name}";
        tag = veza.version;
        # Volumes belong to whom their place in the image belongs to.
        fakeRootCommands = lib.optionalString (role.media or false) ''
          mkdir -p var/lib/veza/recordings
          chown -R 65532:65532 var/lib/veza
        '';
        config = import ./oci-config.nix {
          inherit lib arguments;
          adminPort = role.adminPort or null;
          serves = role.serves or false;
          mediaPort = if role.media or false then mediaPort else null;
          inherit (veza) version;
          program = lib.getExe veza;
          # The program asks nobody whether it is well.
          curl = lib.getExe curlMinimal;
          certificates = "${dockerTools.caCertificates}/etc/ssl/certs/ca-bundle.crt";
        };
      }
    );
in
lib.listToAttrs (
  [
    (container "all" [ "serve" ] {
      adminPort = 9100;
      serves = true;
      media = true;
    })
    (container "migrate" [ "migrate" ] { })
  ]
  ++ lib.mapAttrsToList (
    name: role:
    container name [
      "serve"
      "--role"
      name
    ] role
  ) roles
)
