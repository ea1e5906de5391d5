# services.veza: the program, and what it stands on.
{
  imports = [
    ./options.nix
    ./assertions.nix
    ./network.nix
    ./units.nix
    ./secrets.nix
    ./database.nix
    ./redis.nix
    ./object-store.nix
    ./edge.nix
    ./observability
  ];
}
