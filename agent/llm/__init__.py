"""The model: a profile or an address in, an OpenAI-compatible endpoint and a client of it out.

`weights` fetches and verifies (from `hub` or `mirror`), `server` runs llama.cpp, `endpoint` says which endpoint is
meant, `client` asks it; `serve_vllm` serves a checkpoint with vLLM.
"""
