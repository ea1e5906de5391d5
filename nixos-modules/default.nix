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
    ./storage.nix
    ./media.nix
    ./object-store.nix
    ./edge
    ./observability
  ];
}
