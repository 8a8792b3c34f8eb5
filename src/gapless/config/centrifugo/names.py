"""The names of the options that Centrifugo 6 has in the tables from which little or nothing is applied here.

Without them a misspelt option in such a table would be passed over as one that does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator


def _in(tables: str, *options: str) -> str:
    """Each of the options in each of the tables."""
    names = " ".join(options).split()
    return " ".join(f"{table}.{name}" for table in tables.split() for name in names)


_TLS = _in("tls", "enabled cert_pem key_pem server_ca_pem client_ca_pem insecure_skip_verify server_name")
_PATH = "enabled handler_prefix"
_POOL = "compression compression_min_size compression_level read_buffer_size use_write_buffer_pool "
_SOCKET = f"{_POOL} write_buffer_size write_timeout decompressed_message_size_limit"
_REDIS = (
    "prefix address connect_timeout io_timeout db user password client_name force_resp2 cluster_address "
    "sentinel_address sentinel_user sentinel_password sentinel_master_name sentinel_client_name "
    f"replica_client.enabled {_TLS} {_TLS.replace('tls.', 'sentinel_tls.')}"
)
_HISTORY = "history_use_lists"
_PRESENCE = "presence_ttl presence_hash_field_ttl presence_user_mapping"
_NATS = (
    f"prefix url dial_timeout write_timeout allow_wildcards {_TLS} "
    "raw_mode.enabled raw_mode.channel_replacements raw_mode.prefix"
)
_POSTGRES = (
    f"dsn {_TLS} pool_size num_shards use_notify notify_dsn table_prefix skip_schema_init "
    "partition_lookahead_days partition_retention_days"
)
_POSTGRES_LOG = (
    f"{_POSTGRES} cleanup_interval idempotent_result_ttl binary_data stream_retention "
    "outbox.poll_interval outbox.batch_size"
)
_CODES = "enabled transforms"
_BACK_END = (
    "endpoint timeout http_headers grpc_metadata include_connection_meta binary_encoding emulated_headers "
    "http.static_headers http.status_to_code_transforms grpc.compression grpc.credentials_key "
    f"grpc.credentials_value grpc.static_metadata {_in('http grpc', _TLS)}"
)

_TABLES = {
    "admin": f"{_PATH} password secret insecure web_path web_proxy_address external",
    "broker": "enabled type "
    + _in("redis redisnats.redis", _REDIS, _HISTORY)
    + f" {_in('nats redisnats.nats', _NATS)} {_in('postgres', _POSTGRES_LOG)}",
    "channel.proxy": _in("subscribe_stream map_publish map_remove shared_poll_refresh", _BACK_END),
    "client.connect_code_to_unidirectional_disconnect": _CODES,
    "controller": "enabled type "
    + _in("postgres", _POSTGRES, "poll_interval partition_cleanup_interval batch_size"),
    "debug": _PATH,
    "emulation": "handler_prefix max_request_body_size",
    "engine": f"type {_in('redis', _REDIS, _HISTORY, _PRESENCE)}",
    "graphite": "enabled host port prefix interval tags",
    "grpc_api": f"enabled error_mode address port key reflection max_receive_message_size {_TLS}",
    "health": _PATH,
    "http_api": "disabled handler_prefix key insecure error_mode external",
    "http_server": "address port internal_address internal_port tls_external h2c_external http3.enabled "
    f"{_TLS} {_TLS.replace('tls.', 'internal_tls.')} "
    + _in("tls_autocert", "enabled host_whitelist cache_dir email server_name http http_addr"),
    "http_stream": f"{_PATH} max_request_body_size",
    "init": _PATH,
    "log": "level file",
    "map_broker": "type "
    + _in("redis", _REDIS, "cleanup_interval cleanup_batch_size idempotent_result_ttl skip_pub_sub")
    + f" {_in('postgres', _POSTGRES_LOG, 'ttl_check_interval')}",
    "node": "name info_metrics_aggregate_interval",
    "opentelemetry": "enabled api consuming google_cloud_adc_auth",
    "presence_manager": f"enabled type {_in('redis', _REDIS, _PRESENCE)}",
    "prometheus": f"{_PATH} instrument_http_handlers recovered_publications_histogram native_histograms",
    "rpc": "without_namespace.proxy_enabled without_namespace.proxy_name namespaces namespace_boundary "
    "ping.enabled ping.method",
    "shared_poll": "hmac_secret_key hmac_previous_secret_key hmac_previous_secret_key_valid_until "
    "concurrency_limit",
    "shutdown": "timeout",
    "sse": f"{_PATH} max_request_body_size",
    "swagger": _PATH,
    "uni_grpc": f"enabled address port max_receive_message_size {_TLS}",
    "uni_http_stream": f"{_PATH} max_request_body_size {_in('connect_code_to_http_response', _CODES)}",
    "uni_sse": f"{_PATH} max_request_body_size {_in('connect_code_to_http_response', _CODES)}",
    "uni_websocket": f"{_PATH} message_size_limit disable_closing_handshake disable_disconnect_push "
    f"join_push_messages {_SOCKET}",
    "usage_stats": "disabled",
    "websocket": f"disabled handler_prefix message_size_limit {_SOCKET}",
    "webtransport": f"{_PATH} message_size_limit",
}


def _names() -> Iterator[str]:
    for table, options in _TABLES.items():
        yield from _in(table, options).split()


NAMES = frozenset(_names())
"""As `TABLE.OPTION`."""
