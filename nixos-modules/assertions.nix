# What cannot work, said before anything is built.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.veza;
  schema = import ./schema.nix { inherit lib; };
  path = lib.splitString ".";
  at = key: lib.attrByPath (path key) null cfg.settings;
  seconds = import ./period.nix { inherit lib; };
  list = lib.concatStringsSep ", ";

  unknown = lib.filter (key: !lib.elem key schema.secrets) (lib.attrNames cfg.secrets);
  inStore = lib.attrNames (lib.filterAttrs (_: lib.hasPrefix builtins.storeDir) cfg.secrets);
  relative = lib.attrNames (lib.filterAttrs (_: file: !lib.hasPrefix "/" file) cfg.secrets);
  # Of a package that is not ours nothing is known.
  missing = lib.subtractLists (cfg.package.features or cfg.features) cfg.features;
  inherit (cfg.settings) storage;
  asFile = lib.filter (key: at "${key}_file" != null) schema.secrets;
  twice = lib.filter (key: cfg.secrets ? ${key} && at key != null) schema.secrets;
  # A URL of PostgreSQL or Redis may stand in the settings, as long as no password is in it.
  isSecret =
    key:
    let
      value = at key;
    in
    value != null
    && (
      !schema.isUrl key || builtins.match "[a-z]+://[^/@]*:[^/@]+@.*|.*[?&]password=.*" value != null
    );
  plain = lib.filter isSecret schema.secrets;
in
{
  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = lib.any (role: role.enable) (lib.attrValues cfg.roles);
        message = "services.veza.roles: at least one role must be enabled.";
      }
      {
        assertion = missing == [ ];
        message = "services.veza.package was built without ${list missing}, which the settings take: use its override { features = [ … ]; }.";
      }
      {
        assertion =
          storage.directory == null
          || lib.hasPrefix "/" storage.directory && storage.directory != "/var/lib/veza";
        message = "services.veza.settings.storage.directory must be an absolute path, and not /var/lib/veza itself.";
      }
      {
        assertion = unknown == [ ];
        message = "services.veza.secrets: ${list unknown} is no secret of Veza; known are ${list schema.secrets}.";
      }
      {
        assertion = inStore == [ ];
        message = "services.veza.secrets: ${list inStore} is a file in the Nix store, which everybody can read.";
      }
      {
        assertion = relative == [ ];
        message = "services.veza.secrets: ${list relative} must be an absolute path.";
      }
      {
        assertion = plain == [ ];
        message = "services.veza.settings: ${list plain} is a secret, and settings are in the Nix store, which everybody can read; name a file in services.veza.secrets.";
      }
      {
        assertion = asFile == [ ];
        message = "services.veza.settings: instead of ${
          list (map (key: "${key}_file") asFile)
        } use services.veza.secrets, which passes the file on as a credential.";
      }
      {
        assertion = twice == [ ];
        message = "services.veza: ${list twice} is in settings and in secrets.";
      }
      {
        assertion = cfg.secrets ? "tenant.root_secret";
        message = ''services.veza.secrets."tenant.root_secret" is not set: name a file made by `openssl rand -base64 32`, or set services.veza.generateRootSecret.'';
      }
      {
        assertion = at "database.url" != null || cfg.secrets ? "database.url";
        message = ''services.veza: there is no database; set services.veza.database.createLocally, settings.database.url, or secrets."database.url".'';
      }
      {
        assertion = at "server.admin_listen" == null;
        message = "services.veza.settings.server.admin_listen: each role has an address of its own; set services.veza.roles.<role>.adminAddress.";
      }
      {
        assertion = seconds cfg.settings.server.drain_timeout <= 30;
        message = "services.veza.settings.server.drain_timeout must be at most 30s: no request takes longer.";
      }
      (
        let
          enabled = lib.filter (role: role.enable) (lib.attrValues cfg.roles);
          serving = map (role: role.listen or [ ]) enabled;
          served = if cfg.oneProcess then lib.unique (lib.concatLists serving) else lib.concatLists serving;
          addresses = map (role: role.adminAddress) enabled ++ served;
        in
        {
          assertion = lib.allUnique addresses;
          message = "services.veza: ${list addresses} are not all different; each socket needs an address of its own.";
        }
      )
    ];
  };
}
