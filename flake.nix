{
  description = "Veza: the backend of a multi-tenant SaaS";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    crane.url = "github:ipetkov/crane";
    disko = {
      url = "github:nix-community/disko";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      nixpkgs,
      crane,
      disko,
      ...
    }:
    import ./nix { inherit nixpkgs crane disko; };
}
