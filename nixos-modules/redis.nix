# Redis on this node: it tells processes of new jobs, in place of PostgreSQL, and of new messages of chat.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.veza.redis;
  hardening = import ./hardening.nix;
  server = config.services.redis.servers.veza;
in
{
  options.services.veza.redis = {
    createLocally = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether Redis runs on this node, on a Unix socket that the users of its group may use, and tells
        processes of new jobs ({option}`services.veza.settings.jobs.doorbell`) and of new messages
        ({option}`services.veza.settings.chat.redis_url`). For one with a URL and a password elsewhere use
        {option}`services.veza.secrets`.
      '';
    };
    memory = lib.mkOption {
      type = lib.types.str;
      default = "256mb";
      description = "How much memory its data may take; beyond, writes are refused.";
    };
    url = lib.mkOption {
      type = lib.types.str;
      readOnly = true;
      description = "Where it is.";
    };
  };

  config = {
    services.veza = {
      redis.url = "redis+unix://${server.unixSocket}";
      settings = lib.mkIf cfg.createLocally {
        jobs = {
          doorbell = lib.mkDefault "redis";
          redis_url = lib.mkDefault cfg.url;
        };
        chat.redis_url = lib.mkDefault cfg.url;
      };
    };

    services.redis.servers.veza = lib.mkIf cfg.createLocally {
      enable = true;
      # Unix socket only.
      port = 0;
      appendOnly = true;
      settings = {
        maxmemory = cfg.memory;
        maxmemory-policy = "noeviction";
      };
    };
    systemd.services.redis-veza = lib.mkIf cfg.createLocally {
      serviceConfig = hardening.daemon lib [ "SystemCallFilter" ] {
        PrivateNetwork = true;
        RestrictAddressFamilies = [ "AF_UNIX" ];
        Slice = "veza.slice";
      };
    };
    users.users = lib.mkIf (cfg.createLocally && config.services.veza.enable) {
      veza.extraGroups = [ server.group ];
    };
  };
}
