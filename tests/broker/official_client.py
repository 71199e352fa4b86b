"""The broker's own client, run in its own environment: log in, subscribe, print what it decodes.

Usage: python official_client.py REST_URL SOCKET_URL '{"ltp": [TOKEN], "quote": [], "full": []}'
Prints a JSON object: `profile`, `instruments` (how many), and `ticks`, the first of each token.
"""

import json
import sys
from urllib.parse import parse_qs, urlsplit

import requests
from kiteconnect import KiteConnect, KiteTicker

API_KEY, API_SECRET = "fakekey", "fakesecret"


def log_in(rest_url):
    kite = KiteConnect(api_key=API_KEY, root=rest_url)
    login = requests.get(
        f"{rest_url}/connect/login",
        params={"api_key": API_KEY, "v": 3},
        allow_redirects=False,
        timeout=10,
    )
    query = parse_qs(urlsplit(login.headers["location"]).query)
    kite.generate_session(query["request_token"][0], api_secret=API_SECRET)
    return kite


def hear(socket_url, access_token, wanted):
    ticker = KiteTicker(API_KEY, access_token, root=socket_url, reconnect=False)
    heard = {}

    def subscribe(ticker, _response):
        for mode, tokens in wanted.items():
            ticker.subscribe(tokens)
            ticker.set_mode(mode, tokens)

    def collect(ticker, ticks):
        for tick in ticks:
            # What is subscribed is told as a quote until its mode is set.
            if tick["instrument_token"] in wanted[tick["mode"]]:
                heard[tick["instrument_token"]] = tick
        if len(heard) == sum(map(len, wanted.values())):
            ticker.close()
            ticker.stop()

    ticker.on_connect = subscribe
    ticker.on_ticks = collect
    ticker.connect()
    return list(heard.values())


if __name__ == "__main__":
    rest_url, socket_url, wanted = sys.argv[1:]
    kite = log_in(rest_url)
    told = {
        "profile": kite.profile(),
        "instruments": len(kite.instruments("NFO")),
        "ticks": hear(socket_url, kite.access_token, json.loads(wanted)),
    }
    sys.stdout.write(json.dumps(told, default=str))
