# The edge: nginx with certificates, in front of the API of this node or of others.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.veza.edge;
  hardening = import ./hardening.nix;
  settings = config.services.veza.settings;

  forward = ''
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host "";
    proxy_set_header X-Request-Id $request_id;
  '';

  kinds = {
    http = route: {
      proxyPass = "http://${route.upstream}";
      extraConfig = ''
        ${forward}
        proxy_set_header Connection "";
        proxy_read_timeout 60s;
      '';
    };
    websocket = route: {
      proxyPass = "http://${route.upstream}";
      extraConfig = ''
        ${forward}
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $veza_connection;
        proxy_read_timeout 1h;
        proxy_send_timeout 1h;
        proxy_buffering off;
      '';
    };
    grpc = route: {
      extraConfig = ''
        grpc_pass grpc://${route.upstream};
        grpc_set_header Host $host;
        grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        grpc_set_header X-Forwarded-Proto $scheme;
        grpc_set_header X-Request-Id $request_id;
        grpc_read_timeout 1h;
        grpc_send_timeout 1h;
      '';
    };
  };

  names = [ cfg.domain ] ++ lib.optional cfg.tenantDomains "*.${cfg.domain}" ++ cfg.aliases;
  ports =
    kind:
    lib.mkOption {
      type = lib.types.listOf lib.types.port;
      default = [ ];
      description = "Ports to open for media that does not pass nginx (${kind}).";
    };
in
{
  options.services.veza.edge = {
    enable = lib.mkEnableOption "nginx in front of the API";

    domain = lib.mkOption {
      type = lib.types.str;
      example = "api.example.com";
      description = "The name under which clients reach the API.";
    };
    aliases = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      description = "Further names.";
    };
    tenantDomains = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether each organisation has a subdomain. The certificate for them takes a DNS provider, see
        {option}`services.veza.edge.acme.dnsProvider`, or one of your own.
      '';
    };

    certificate = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      description = "File with a certificate of your own, in PEM; null for one by ACME.";
    };
    key = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      description = "File with its key, which the group `nginx` can read.";
    };
    acme = {
      email = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        description = "Whom the authority may write to. Setting it accepts its terms.";
      };
      dnsProvider = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        example = "hetzner";
        description = "Where the authority's challenge goes for certificates with a wildcard; a provider that lego knows.";
      };
      credentials = lib.mkOption {
        type = lib.types.attrsOf lib.types.str;
        default = { };
        example = {
          HETZNER_API_TOKEN_FILE = "/run/secrets/hetzner_dns";
        };
        description = "Files with the provider's credentials, by the variable that lego looks at.";
      };
    };

    upstreams = lib.mkOption {
      type = lib.types.attrsOf (lib.types.listOf lib.types.str);
      default = { };
      example = {
        api = [
          "10.0.0.11:8080"
          "10.0.0.12:8080"
        ];
      };
      description = "Addresses of processes, by name. `api` are those of this node unless set.";
    };
    routes = lib.mkOption {
      type = lib.types.attrsOf (
        lib.types.submodule {
          options = {
            upstream = lib.mkOption {
              type = lib.types.str;
              default = "api";
              description = "Which of the upstreams.";
            };
            kind = lib.mkOption {
              type = lib.types.enum (lib.attrNames kinds);
              default = "http";
              description = "What is spoken there.";
            };
          };
        }
      );
      default = { };
      example = {
        "/v1/chat/connect" = {
          kind = "websocket";
        };
        "/veza." = {
          kind = "grpc";
        };
      };
      description = "Which path goes where. `/` goes to the API.";
    };

    rateLimit = {
      perSecond = lib.mkOption {
        type = lib.types.ints.positive;
        default = 50;
        description = "Requests per second of one address, before Veza's own limits count.";
      };
      burst = lib.mkOption {
        type = lib.types.ints.positive;
        default = 200;
        description = "How many may come at once beyond that.";
      };
      connections = lib.mkOption {
        type = lib.types.ints.positive;
        default = 200;
        description = "Connections of one address.";
      };
    };

    mediaPorts = {
      tcp = ports "TCP";
      udp = ports "UDP";
    };
  };

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

    services.veza = {
      edge = {
        upstreams.api = lib.mkDefault settings.web.listen;
        routes."/" = { };
      };
      settings.web = {
        public_url = lib.mkOverride 900 "https://${cfg.domain}";
        base_domain = lib.mkIf cfg.tenantDomains (lib.mkDefault cfg.domain);
        trusted_proxies = lib.mkDefault [
          "127.0.0.1/32"
          "::1/128"
        ];
        compression = lib.mkDefault false;
      };
    };

    services.nginx = {
      enable = true;
      enableReload = true;
      recommendedGzipSettings = true;
      recommendedOptimisation = true;
      serverTokens = false;
      sslProtocols = "TLSv1.3";
      clientMaxBodySize = lib.mkDefault "2m";
      upstreams = lib.mapAttrs (_: addresses: {
        servers = lib.genAttrs addresses (_: { });
        extraConfig = "keepalive 64;";
      }) cfg.upstreams;
      appendHttpConfig = ''
        map $http_upgrade $veza_connection {
          default upgrade;
          "" "";
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
          LimitNOFILE = 65536;
        };
  };
}
