# What the flake gives, without flakes, from source trees:
#     nix-build -A packages.x86_64-linux.default --arg nixpkgs /path/to/nixpkgs
# Without crane the program is built by nixpkgs' own builder; without disko there are no `hetzner-…` nodes.
{
  nixpkgs ? <nixpkgs>,
  crane ? null,
  disko ? null,
}:
import ./nix { inherit nixpkgs crane disko; }
