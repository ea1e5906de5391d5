# What a node is for, as modules to import: `default` brings the options and enables nothing, each of the
# others is a node's part in a deployment and can stand beside others on one machine.
{
  default = ../.;
  veza = ../.;
  single-node = ./single-node.nix;
  edge = ./edge.nix;
  app = ./app.nix;
  worker = ./worker.nix;
  media = ./media.nix;
  database = ./database.nix;
  object-store = ./object-store.nix;
  observability = ./observability.nix;
}
