# Files of tenants on this node's disk, encrypted. Elsewhere they are in a bucket: `settings.storage.s3`.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.veza.storage;
in
{
  options.services.veza.storage.createLocally = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = ''
      Whether files are kept on this node, below `/var/lib/veza/files`, encrypted with a key that is made on
      the first start below `/var/lib/veza-secrets` unless {option}`services.veza.secrets` has a
      `storage.root_key`. Back both up: files are lost without the key.
    '';
  };

  config.services.veza = lib.mkIf cfg.createLocally {
    settings.storage.directory = lib.mkDefault "/var/lib/veza/files";
    generated.storage_root_key = "key";
    secrets."storage.root_key" = lib.mkDefault "/var/lib/veza-secrets/storage_root_key";
  };
}
