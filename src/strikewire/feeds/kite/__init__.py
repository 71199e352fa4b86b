"""Zerodha's Kite Connect: its sockets' packets, and its REST interface."""
