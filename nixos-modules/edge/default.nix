# The edge: nginx with certificates, in front of the API of this node or of others.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.veza.edge;
  hardening = import ../hardening.nix;

  kinds = import ./kinds.nix;

  # Connections and files of one process of nginx.
  files = 131072;
  names = [ cfg.domain ] ++ lib.optional cfg.tenantDomains "*.${cfg.domain}" ++ cfg.aliases;
in
{
  imports = [
    ./options.nix
    ./routes.nix
  ];

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = (cfg.certificate == null) == (cfg.key == null);
        message = "services.veza.edge: certificate and key belong together.";
      }
      {
        assertion = cfg.certificate != null || cfg.acme.email != null;
        message = "services.veza.edge.acme.email is not set, and there is no certificate of your own.";
      }
      {
        assertion = cfg.tenantDomains && cfg.certificate == null -> cfg.acme.dnsProvider != null;
        message = "services.veza.edge.tenantDomains: a certificate with a wildcard takes acme.dnsProvider.";
      }
      {
        assertion = lib.all (route: cfg.upstreams ? ${route.upstream}) (lib.attrValues cfg.routes);
        message = "services.veza.edge.routes: each route's upstream must be one of upstreams.";
      }
      {
        assertion = cfg.key == null || !lib.hasPrefix builtins.storeDir cfg.key;
        message = "services.veza.edge.key must not be a file in the Nix store, which everybody can read.";
      }
    ];

    services.veza.settings.web = {
      public_url = lib.mkOverride 900 "https://${cfg.domain}";
      base_domain = lib.mkIf cfg.tenantDomains (lib.mkDefault cfg.domain);
      trusted_proxies = lib.mkDefault [
        "127.0.0.1/32"
        "::1/128"
      ];
      compression = lib.mkDefault false;
    };

    services.nginx = {
      enable = true;
      enableReload = true;
      recommendedGzipSettings = true;
      recommendedOptimisation = true;
      serverTokens = false;
      sslProtocols = "TLSv1.3";
      clientMaxBodySize = lib.mkDefault "2m";
      # One process for each core. A WebSocket is two connections, and stays.
      appendConfig = ''
        worker_processes auto;
        worker_rlimit_nofile ${toString files};
      '';
      eventsConfig = "worker_connections ${toString (files / 2)};";
      upstreams = lib.mapAttrs (name: addresses: {
        servers = lib.genAttrs addresses (_: { });
        extraConfig = ''
          ${lib.optionalString (name == "stream") "hash $veza_channel consistent;"}
          keepalive 64;
        '';
      }) cfg.upstreams;
      appendHttpConfig = ''
        map $http_upgrade $veza_connection {
          default upgrade;
          "" "";
        }
        # A channel is live at one process: who publishes and who watches must come to the same.
        map $uri $veza_channel {
          default "";
          ~^/v1/stream/channels/(?<channel>[^/]+) $channel;
        }
        limit_req_zone $binary_remote_addr zone=veza:16m rate=${toString cfg.rateLimit.perSecond}r/s;
        limit_conn_zone $binary_remote_addr zone=veza_connections:16m;
        limit_req_status 429;
        limit_conn_status 429;
      '';
      virtualHosts = {
        # Names that are not ours.
        "_" = {
          default = true;
          rejectSSL = true;
          locations."/".return = "444";
        };
        ${cfg.domain} = {
          serverAliases = lib.tail names;
          forceSSL = true;
          http2 = true;
          enableACME = cfg.certificate == null;
          acmeRoot = lib.mkIf (cfg.acme.dnsProvider != null) null;
          sslCertificate = lib.mkIf (cfg.certificate != null) cfg.certificate;
          sslCertificateKey = lib.mkIf (cfg.key != null) cfg.key;
          locations = lib.mapAttrs (_: route: kinds.${route.kind} route) cfg.routes;
          # Veza adds the headers of security to its own answers; these are for nginx's.
          extraConfig = ''
            limit_req zone=veza burst=${toString cfg.rateLimit.burst} nodelay;
            limit_conn veza_connections ${toString cfg.rateLimit.connections};
            client_header_timeout 10s;
            client_body_timeout 30s;
            proxy_hide_header Strict-Transport-Security;
            add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always;
            proxy_hide_header X-Content-Type-Options;
            add_header X-Content-Type-Options nosniff always;
          '';
        };
      };
    };

    security.acme = lib.mkIf (cfg.certificate == null) {
      acceptTerms = true;
      defaults.email = cfg.acme.email;
      certs.${cfg.domain} = lib.mkIf (cfg.acme.dnsProvider != null) {
        inherit (cfg.acme) dnsProvider;
        credentialFiles = cfg.acme.credentials;
      };
    };

    networking.firewall = {
      allowedTCPPorts = [
        80
        443
      ]
      ++ cfg.mediaPorts.tcp;
      allowedUDPPorts = cfg.mediaPorts.udp;
    };

    # Ports below 1024 take a capability of the machine, which a namespace of users cannot give.
    systemd.services.nginx.serviceConfig =
      hardening.daemon lib
        [
          "AmbientCapabilities"
          "CapabilityBoundingSet"
          "PrivateUsers"
          "UMask"
        ]
        {
          AmbientCapabilities = "CAP_NET_BIND_SERVICE";
          CapabilityBoundingSet = "CAP_NET_BIND_SERVICE";
          LimitNOFILE = files;
        };
  };
}
