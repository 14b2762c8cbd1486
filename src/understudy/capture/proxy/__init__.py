"""The proxy: any program's calls to a model server, captured by changing one URL."""

from __future__ import annotations

from understudy.capture.proxy.server import ProxyServer, serve_proxy

__all__ = ["ProxyServer", "serve_proxy"]
