# What a process of Veza can do. Units, sockets, slices, containers and scrape targets follow from this
# table: a new role is an entry here. Chat has none of its own: who serves HTTP serves its WebSockets.
{
  api = {
    description = "the HTTP API";
    # Whether it serves HTTP, on a socket that systemd holds.
    serves = true;
    # Health, readiness and metrics of this role.
    adminPort = 9101;
    limits = {
      cpuWeight = 200;
      ioWeight = 200;
      memoryHigh = "60%";
      memoryMax = "70%";
      tasksMax = 4096;
    };
  };
  stream = {
    description = "live sound and pictures, and the HTTP API that begins sessions there";
    # Media needs a port that peers reach: who wants it says so.
    default = false;
    serves = true;
    # Where it listens when the API of the same node has the address of the settings.
    beside = "127.0.0.1:8081";
    # It opens the media port, and writes recordings.
    media = true;
    adminPort = 9103;
    limits = {
      # Packets do not wait for requests.
      cpuWeight = 400;
      ioWeight = 100;
      memoryHigh = "40%";
      memoryMax = "50%";
      tasksMax = 1024;
    };
  };
  worker = {
    description = "what runs beside requests";
    adminPort = 9102;
    limits = {
      cpuWeight = 50;
      ioWeight = 50;
      memoryHigh = "25%";
      memoryMax = "35%";
      tasksMax = 1024;
    };
  };
}
