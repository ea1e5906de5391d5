# Containers by role: the program and nothing else, not even a shell. They run as a user without rights
# and need no file system that can be written to. Each is a script that writes the archive to its standard
# output: `$(nix build --print-out-paths .#oci-api) | skopeo copy docker-archive:/dev/stdin …`.
{
  lib,
  dockerTools,
  curlMinimal,
  veza,
}:
let
  roles = import ../nixos-modules/roles.nix;
  container =
    name: arguments: adminPort:
    lib.nameValuePair "oci-${name}" (
      dockerTools.streamLayeredImage {
        name = "veza-${name}";
        tag = veza.version;
        config = import ./oci-config.nix {
          inherit lib arguments adminPort;
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
    (container "all" [ "serve" ] 9100)
    (container "migrate" [ "migrate" ] null)
  ]
  ++ lib.mapAttrsToList (
    name: role:
    container name [
      "serve"
      "--role"
      name
    ] role.adminPort
  ) roles
)
