# How nginx passes on what is spoken at a path.
let
  forward = ''
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host "";
    proxy_set_header X-Request-Id $request_id;
  '';
  http = further: route: {
    proxyPass = "http://${route.upstream}";
    extraConfig = forward + further;
  };
in
{
  http = http ''
    proxy_set_header Connection "";
    proxy_read_timeout 60s;
  '';
  websocket = http ''
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $veza_connection;
    proxy_read_timeout 1h;
    proxy_send_timeout 1h;
    proxy_buffering off;
  '';
  # A stream of events (text/event-stream): each goes on as it comes.
  events = http ''
    proxy_set_header Connection "";
    proxy_read_timeout 1h;
    proxy_buffering off;
    gzip off;
  '';
  # Bytes of files, of which Veza knows how many it takes. They are kept neither in memory nor on disk here.
  files = http ''
    proxy_set_header Connection "";
    client_max_body_size 0;
    client_body_timeout 2m;
    proxy_request_buffering off;
    proxy_buffer_size 64k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 128k;
    proxy_max_temp_file_size 0;
    proxy_read_timeout 10m;
    proxy_send_timeout 10m;
    gzip off;
  '';
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
}
