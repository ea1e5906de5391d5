# Which path of the program takes what of the edge.
{
  config,
  lib,
  ...
}:
let
  inherit (config.services) veza;
  cfg = veza.edge;
  listens = role: veza.enable && veza.roles.${role}.enable;
in
{
  config.services.veza.edge = lib.mkIf cfg.enable {
    upstreams = {
      api = lib.mkDefault (
        if listens "stream" && !listens "api" then veza.roles.stream.listen else veza.roles.api.listen
      );
      stream = lib.mkIf (listens "stream") (lib.mkDefault veza.roles.stream.listen);
    };
    routes = {
      "/" = { };
      "= /v1/chat/connect".kind = lib.mkDefault "websocket";
      "~ ^/v1/chat/rooms/[^/]+/stream$".kind = lib.mkDefault "events";
      "/v1/storage/".kind = lib.mkDefault "files";
    }
    // lib.optionalAttrs (cfg.upstreams ? stream) {
      # Where sessions begin; the media itself does not pass here.
      "~ ^/v1/stream/channels/[^/]+/(whip|whep)(/|$)".upstream = lib.mkDefault "stream";
    };
  };
}
