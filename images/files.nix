# Files in the bucket of the object store, which all processes see. Whoever has the object store's key reads
# nothing: the root key is Veza's.
{
  services.veza = {
    settings.storage.s3 = {
      endpoint = "http://10.0.0.35:3900";
      region = "garage";
      path_style = true;
      bucket = "veza";
      access_key_id = "GK0123456789abcdef01234567";
    };
    secrets = {
      "storage.s3.secret_access_key" = "/etc/veza/secrets/s3_secret";
      "storage.root_key" = "/etc/veza/secrets/storage_root_key";
    };
  };
}
