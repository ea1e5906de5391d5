# An object store with the S3 API on this node: Garage.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.veza.objectStore;
  hardening = import ./hardening.nix;
in
{
  options.services.veza.objectStore = {
    createLocally = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether Garage runs on this node, alone (replication factor 1). Its layout, its bucket and its keys are
        made with `garage --rpc-secret-file /var/lib/veza-secrets/garage_rpc`. Where Veza runs too and
        {option}`services.veza.settings.storage.s3.bucket` is set, files are kept here unless
        {option}`services.veza.settings.storage.s3.endpoint` says otherwise.
      '';
    };
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.garage_2;
      defaultText = lib.literalExpression "pkgs.garage_2";
      description = "Which Garage. It is named here so that no update of NixOS changes its major version.";
    };
    address = lib.mkOption {
      type = lib.types.str;
      default = "127.0.0.1";
      example = "10.0.0.35";
      description = "The address of the S3 API.";
    };
    port = lib.mkOption {
      type = lib.types.port;
      default = 3900;
      description = "The port of the S3 API.";
    };
    region = lib.mkOption {
      type = lib.types.str;
      default = "garage";
      description = "The region that clients sign for.";
    };
    endpoint = lib.mkOption {
      type = lib.types.str;
      readOnly = true;
      description = "Where it is.";
    };
  };

  config = {
    services.veza.objectStore.endpoint = "http://${cfg.address}:${toString cfg.port}";
    services.veza.settings.storage.s3 =
      lib.mkIf (cfg.createLocally && config.services.veza.settings.storage.s3.bucket != null)
        {
          endpoint = lib.mkDefault cfg.endpoint;
          region = lib.mkDefault cfg.region;
          path_style = lib.mkDefault true;
        };

    services.veza.privateAddresses = lib.optional cfg.createLocally "${cfg.address}:${toString cfg.port}";
    services.veza.generated = lib.mkIf cfg.createLocally { garage_rpc = "hex"; };

    services.garage = lib.mkIf cfg.createLocally {
      enable = true;
      inherit (cfg) package;
      settings = {
        replication_factor = 1;
        db_engine = "lmdb";
        # A credential is only ours by its access list, which Garage does not look at.
        allow_world_readable_secrets = true;
        rpc_bind_addr = "127.0.0.1:3901";
        rpc_public_addr = "127.0.0.1:3901";
        s3_api = {
          s3_region = cfg.region;
          api_bind_addr = "${cfg.address}:${toString cfg.port}";
        };
      };
    };
    systemd.services.garage = lib.mkIf cfg.createLocally {
      requires = [ "veza-secrets.service" ];
      after = [ "veza-secrets.service" ];
      environment.GARAGE_RPC_SECRET_FILE = "%d/rpc";
      serviceConfig = hardening.daemon lib [ ] {
        LoadCredential = [ "rpc:/var/lib/veza-secrets/garage_rpc" ];
        Slice = "veza.slice";
      };
    };
  };
}
