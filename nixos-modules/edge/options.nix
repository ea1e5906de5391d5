# What the edge can be told.
{ lib, ... }:
let
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
      description = ''
        Addresses of processes, by name. `api` and, for sessions of live media, `stream` are those of this node
        unless set. With several of `stream` each channel has its own.
      '';
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
              type = lib.types.enum (lib.attrNames (import ./kinds.nix));
              default = "http";
              description = "What is spoken there: `events` is a stream that is not held back, `files` knows no limit of bodies.";
            };
          };
        }
      );
      default = { };
      example = {
        "/shop/".upstream = "shop";
        "/veza." = {
          kind = "grpc";
        };
      };
      description = ''
        Which path goes where, by nginx's word for a location. `/` goes to the API; Veza's own WebSockets,
        streams of events, files and media are there already.
      '';
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
}
