# The sandbox of every unit. Ours take all of `strict`. Daemons of others take it over what nixpkgs gives
# them, less what they cannot bear; nix/checks/exposure.json says why where that costs more than the budget.
let
  strict = {
    # No right of root: ports are systemd's, files are nobody's.
    AmbientCapabilities = "";
    CapabilityBoundingSet = "";
    # No device but those that every program knows (/dev/null, /dev/urandom, …).
    DevicePolicy = "closed";
    # Nothing of the kernel that processes could share or change.
    KeyringMode = "private";
    LockPersonality = true;
    # Nothing here makes code while it runs; who breaks in should not either.
    MemoryDenyWriteExecute = true;
    # No way up, and in the unit's namespace no user but its own and root.
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateMounts = true;
    PrivateTmp = true;
    PrivateUsers = true;
    # Other processes, the machine's clock, name, kernel and log are nobody's business.
    ProcSubset = "pid";
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    # All files can be read at most; state is in directories that units ask for.
    ProtectSystem = "strict";
    # Leave nothing behind.
    RemoveIPC = true;
    # TCP, UDP and sockets of this machine (systemd's among them); no raw packets.
    RestrictAddressFamilies = [
      "AF_UNIX"
      "AF_INET"
      "AF_INET6"
    ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    # What services call, without what sets limits or takes rights; others fail as `not permitted`.
    SystemCallArchitectures = "native";
    SystemCallErrorNumber = "EPERM";
    SystemCallFilter = [
      "@system-service"
      "~@privileged"
      "~@resources"
    ];
    UMask = "0077";
  };
in
{
  inherit strict;

  # For what talks through files and Unix sockets only.
  offline = strict // {
    IPAddressDeny = "any";
    PrivateNetwork = true;
    RestrictAddressFamilies = [ "AF_UNIX" ];
  };

  # Over the values of nixpkgs, and below what an operator forces.
  daemon =
    lib: without: with':
    lib.mapAttrs (_: lib.mkOverride 90) (removeAttrs strict without // with');
}
