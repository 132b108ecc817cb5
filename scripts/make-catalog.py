#!/usr/bin/env python3
"""Write config/presets/models.yaml from a public price map.

    scripts/make-catalog.py PRICES.json --source "litellm 1.109.1" --as-of 2026-11-23 > config/presets/models.yaml

PRICES.json is `model_prices_and_context_window*.json` as it lies in the `litellm` wheel on PyPI
(`pip download litellm --no-deps`, unzip). Only facts are read from it: names, prices per token,
context lengths, abilities, retirement dates. What is our own opinion stands in the tables below
(QUALITY, CHINESE, SILICONFLOW, OLLAMA) and is named as such at the head of the file that is written.

The same input gives the same output, byte for byte. Numbers go from text to text through Decimal: no float noise.
"""

import argparse
import json
import re
import sys
from decimal import Decimal

MILLION = Decimal(1_000_000)
# Modes that the catalogue carries. Realtime, video, images and speech come with their endpoints.
MODES = {"chat", "responses", "embedding", "moderation", "rerank"}

# Map's name of a price class -> ours. Tiers use the same names with `_above_Nk_tokens`.
PRICE_CLASSES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
}

# Service tiers with prices of their own: the map's suffix, which is also the word in requests and answers. Batches are not served.
SERVICE_TIERS = ["flex", "priority"]

CAPABILITIES = [
    ("supports_function_calling", ["function_calling"]),
    ("supports_vision", ["vision"]),
    ("supports_response_schema", ["json_mode", "json_schema"]),
    ("supports_native_structured_output", ["json_mode", "json_schema"]),
    ("supports_reasoning", ["reasoning"]),
    ("supports_prompt_caching", ["prompt_caching"]),
    ("supports_web_search", ["web_search"]),
    ("supports_audio_input", ["audio_input"]),
    ("supports_audio_output", ["audio_output"]),
    ("supports_pdf_input", ["file_input"]),
    ("supports_parallel_function_calling", ["parallel_tools"]),
]

# Our coarse editorial judgement: first match wins; (pattern, quality, coding or None, speed).
# Read it as bands, not as measurements: 0.95 frontier, 0.85 strong, 0.7 good and cheap, 0.5 small, 0.3 old or tiny.
QUALITY = [
    (r"guard|moderation|safeguard", 0.30, None, 0.90),
    (r"embed|bge-", 0.60, None, 0.90),
    (r"demo-large", 0.60, 0.60, 0.60),
    (r"demo-small", 0.40, 0.40, 0.95),
    # OpenAI
    (r"gpt-6.*luna", 0.86, 0.85, 0.85),
    (r"gpt-6", 0.98, 0.97, 0.50),
    (r"gpt-5.*(nano|luna)", 0.72, 0.70, 0.92),
    (r"gpt-5.*mini", 0.82, 0.82, 0.82),
    (r"gpt-5.*pro", 0.97, 0.95, 0.20),
    (r"gpt-5.*codex", 0.93, 0.96, 0.55),
    (r"gpt-5\.[4-9]", 0.96, 0.95, 0.50),
    (r"gpt-5|chat-latest|daybreak|rosalind", 0.92, 0.91, 0.55),
    (r"gpt-4\.1-nano", 0.60, 0.58, 0.92),
    (r"gpt-4\.1-mini", 0.74, 0.74, 0.85),
    (r"gpt-4\.1", 0.84, 0.85, 0.65),
    (r"gpt-4o-mini|gpt-audio-mini", 0.68, 0.65, 0.88),
    (r"gpt-4o|gpt-audio", 0.82, 0.80, 0.70),
    (r"o4-mini|o3-mini", 0.86, 0.88, 0.55),
    (r"(^|/)o3|(^|/)o1|deep-research", 0.90, 0.90, 0.30),
    (r"computer-use", 0.75, None, 0.40),
    (r"codex-mini", 0.80, 0.85, 0.70),
    (r"gpt-oss.*120b", 0.78, 0.76, 0.85),
    (r"gpt-oss.*20b", 0.68, 0.66, 0.92),
    (r"gpt-4", 0.76, 0.74, 0.40),
    (r"gpt-3\.?5|babbage|davinci|ada\b", 0.45, 0.40, 0.85),
    (r"model-router", 0.80, None, 0.60),
    # Anthropic
    (r"claude.*(fable|mythos)", 0.98, 0.98, 0.35),
    (r"claude-opus", 0.96, 0.97, 0.40),
    (r"claude-sonnet", 0.93, 0.95, 0.60),
    (r"claude-haiku", 0.82, 0.82, 0.85),
    # Google
    (r"gemini-4", 0.97, 0.96, 0.50),
    (r"gemini.*flash-lite", 0.72, 0.68, 0.95),
    (r"gemini-3.*flash|gemini-flash", 0.85, 0.84, 0.88),
    (r"gemini.*flash|gemini-omni", 0.78, 0.76, 0.88),
    (r"gemini-3.*pro|gemini-pro", 0.95, 0.94, 0.50),
    (r"gemini.*pro|deep-research", 0.90, 0.89, 0.50),
    (r"gemini|learnlm", 0.70, None, 0.60),
    (r"gemma-?4", 0.72, 0.68, 0.70),
    (r"gemma", 0.55, 0.50, 0.75),
    # China
    (r"deepseek.*(v4|v4\.1).*pro", 0.92, 0.92, 0.45),
    (r"deepseek.*(v4|flash)", 0.84, 0.84, 0.80),
    (r"deepseek.*ocr", 0.50, None, 0.80),
    (r"deepseek.*distill", 0.55, 0.52, 0.70),
    (r"deepseek.*r1.*(8b|7b|14b|1\.5b)|deepseek.*8b", 0.52, 0.50, 0.75),
    (r"deepseek.*(r1|reasoner|v3\.[12])", 0.85, 0.85, 0.40),
    (r"deepseek.*(coder)", 0.62, 0.70, 0.60),
    (r"deepseek", 0.80, 0.80, 0.60),
    (r"kimi-k3", 0.94, 0.94, 0.45),
    (r"kimi.*code", 0.88, 0.92, 0.50),
    (r"kimi", 0.87, 0.88, 0.45),
    (r"moonshot", 0.55, 0.50, 0.60),
    (r"glm.*(flash|air)", 0.72, 0.72, 0.85),
    (r"glm-4.*(9b|32b)|glm-z1", 0.52, 0.50, 0.75),
    (r"glm-5", 0.90, 0.91, 0.55),
    (r"glm-4\.[67]", 0.84, 0.86, 0.55),
    (r"glm|codegeex", 0.74, 0.74, 0.60),
    (r"minimax-m[23]", 0.84, 0.86, 0.65),
    (r"qwen3.*omni.*flash|qwen3?\.?\d*-?(flash|turbo)", 0.74, 0.70, 0.90),
    (r"qwen3\.[78].*max", 0.92, 0.91, 0.45),
    (r"qwen3.*max|qwen3\.[5-9].*plus|qwen3\.5.*397b", 0.87, 0.86, 0.50),
    (r"qwen3-coder", 0.80, 0.88, 0.60),
    (r"qwen3.*(235b|122b|vl-plus)", 0.80, 0.78, 0.55),
    (r"qwen.*(max|plus)|qwq|qvq", 0.76, 0.74, 0.60),
    (r"qwen.*(72b|80b|32b|35b|30b|27b)|qwen3-next", 0.72, 0.70, 0.70),
    (r"qwen.*coder", 0.60, 0.68, 0.75),
    (r"qwen", 0.55, 0.52, 0.85),
    (r"hunyuan|ernie|step-|internlm|yi-|ling-|kat-", 0.65, 0.60, 0.65),
    # xAI, Mistral, Meta and the rest
    (r"grok-4\.[567]", 0.94, 0.92, 0.55),
    (r"grok.*(code|build)", 0.80, 0.87, 0.85),
    (r"grok.*non-reasoning", 0.86, 0.84, 0.75),
    (r"grok-4", 0.90, 0.88, 0.50),
    (r"grok", 0.78, 0.74, 0.60),
    (r"mistral-large|mistral-medium|magistral-medium|mistral-vibe-cli-(latest|with)", 0.82, 0.80, 0.60),
    (r"devstral|codestral|mistral-code", 0.72, 0.82, 0.75),
    (r"mistral-small|magistral-small|pixtral|mistral-vibe|voxtral|leanstral", 0.68, 0.64, 0.82),
    (r"mistral|ministral|mixtral", 0.50, 0.45, 0.85),
    (r"llama-?3\.3|llama-?3\.1.*70b|llama-?4", 0.70, 0.65, 0.75),
    (r"llama-?3", 0.50, 0.45, 0.88),
    (r"phi-?4", 0.58, 0.55, 0.85),
    (r"codellama|codegemma|starcoder", 0.35, 0.45, 0.80),
    (r"llama|vicuna|orca|phi|tinyllama|smollm|granite", 0.35, 0.30, 0.85),
]

# Families that answer well in Chinese: also our judgement.
CHINESE = re.compile(
    r"qwen|qwq|qvq|deepseek|glm|kimi|moonshot|minimax|ernie|hunyuan|doubao|step-|yi-|internlm|codegeex|ling-"
    r"|gpt-4o|gpt-4\.1|gpt-[56]|(^|/)o[134]|chat-latest|claude|gemini|grok-4|demo-"
)

# Vendor in the map -> our list. `strip` is the map's own prefix, not part of the upstream name.
# Kinds of the router first; the others are families that OpenAI-compatible channels serve.
VENDORS = [
    ("openai", ["openai", "text-completion-openai"], ""),
    ("anthropic", ["anthropic"], ""),
    ("gemini", ["gemini"], "gemini/"),
    ("azure_openai", ["azure"], "azure/"),
    ("groq", ["groq"], "groq/"),
    ("deepseek", ["deepseek"], "deepseek/"),
    ("ollama", ["ollama"], "ollama/"),
    ("moonshot", ["moonshot"], "moonshot/"),
    ("zai", ["zai"], "zai/"),
    ("qwen", ["dashscope"], "dashscope/"),
    ("minimax", ["minimax"], "minimax/"),
    ("mistral", ["mistral"], "mistral/"),
    ("xai", ["xai"], "xai/"),
]

# Names that are not something a client of this router asks for.
SKIP = re.compile(
    r"^ft:|/ft:|container$|^\d+-x|imagen|image|veo|lyria|live|native-audio|tts|transcribe|realtime|whisper|sora|robotics"
    r"|gemini-exp|learnlm|experimental|-gv2$|grok.*-beta|^ada$|^command-r|omni-flash-preview$|prompt-guard|babbage|davinci"
)

# Free of charge according to the vendor's own price list. Elsewhere a price of 0 in the map means "not known".
FREE = re.compile(r"^glm-4\.[57]-flash$|^gemma-|moderation")

# OpenRouter bills the vendor's own list price ("passes through the pricing of the underlying providers",
# openrouter.ai/docs/faq). For vendors that alone serve their models that price is a fact; open weights are served by
# many at different prices, so those entries carry none.
OPENROUTER = [
    ("openai", "openai/", True, r"^(gpt-[456]|o[134])(?!.*(-\d{4}-\d\d-\d\d|search|audio|cyber|rosalind|law|codex-max))"),
    ("anthropic", "anthropic/", True, r"^claude(?!.*(\d{8}|mythos))"),
    ("gemini", "google/", True, r"^gemini-(2\.5|[34]).*(pro|flash|flash-lite|argon)(-preview)?$"),
    ("xai", "x-ai/", True, r"^grok-(4\.\d+|code-fast-1)$"),
    ("deepseek", "deepseek/", False, r"^deepseek-(v3\.2|v4-(flash|pro)|r1)$"),
    ("moonshot", "moonshotai/", False, r"^kimi"),
    ("zai", "z-ai/", False, r"^glm-(4\.[567]|5)(?!.*(x$|-code$|flash$))"),
    ("minimax", "minimax/", False, r"^MiniMax-M[\d.]+$"),
    ("mistral", "mistralai/", False, r"^(mistral|codestral|devstral|ministral).*-\d{4}$"),
    ("qwen", "qwen/", False, r"^qwen3(?!.*(\d{4}-\d\d|-preview|omni|tts))"),
]

# SiliconFlow's names (Hugging Face style) -> where the map has the same weights, for context and abilities.
# SiliconFlow's prices are in CNY and not in the map: none is given.
SILICONFLOW = [
    ("deepseek-ai/DeepSeek-V4-Pro", "deepseek-v4-pro"),
    ("deepseek-ai/DeepSeek-V4-Flash", "deepseek-v4-flash"),
    ("deepseek-ai/DeepSeek-V3.2", "deepseek/deepseek-v3.2"),
    ("deepseek-ai/DeepSeek-V3", "deepseek/deepseek-v3"),
    ("deepseek-ai/DeepSeek-R1", "deepseek/deepseek-r1"),
    ("moonshotai/Kimi-K2.5", "moonshot/kimi-k2.5"),
    ("moonshotai/Kimi-K2.6", "moonshot/kimi-k2.6"),
    ("zai-org/GLM-4.5", "zai/glm-4.5"),
    ("zai-org/GLM-4.5-Air", "zai/glm-4.5-air"),
    ("zai-org/GLM-4.5V", "zai/glm-4.5v"),
    ("zai-org/GLM-4.6", "zai/glm-4.6"),
    ("zai-org/GLM-4.7", "zai/glm-4.7"),
    ("zai-org/GLM-5", "zai/glm-5"),
    ("MiniMaxAI/MiniMax-M2", "minimax/MiniMax-M2"),
    ("MiniMaxAI/MiniMax-M2.5", "minimax/MiniMax-M2.5"),
    ("Qwen/Qwen3-8B", "novita/qwen/qwen3-8b-fp8"),
    ("Qwen/Qwen3-32B", "novita/qwen/qwen3-32b-fp8"),
    ("Qwen/Qwen3-30B-A3B", "novita/qwen/qwen3-30b-a3b-fp8"),
    ("Qwen/Qwen3-VL-8B-Instruct", "novita/qwen/qwen3-vl-8b-instruct"),
    ("Qwen/Qwen3-VL-30B-A3B-Instruct", "novita/qwen/qwen3-vl-30b-a3b-instruct"),
    ("Qwen/Qwen3-Next-80B-A3B-Instruct", "dashscope/qwen3-next-80b-a3b-instruct"),
    ("Qwen/Qwen3.5-397B-A17B", "novita/qwen/qwen3.5-397b-a17b"),
    ("Qwen/Qwen2.5-7B-Instruct", "novita/qwen/qwen2.5-7b-instruct"),
    ("Qwen/Qwen3-Embedding-0.6B", "novita/qwen/qwen3-embedding-0.6b"),
    ("Qwen/Qwen3-Embedding-8B", "novita/qwen/qwen3-embedding-8b"),
    ("BAAI/bge-m3", "novita/baai/bge-m3"),
    ("BAAI/bge-reranker-v2-m3", "novita/baai/bge-reranker-v2-m3"),
]

# Open weights of Meta on OpenRouter, likewise without a price.
OPENROUTER_LLAMA = [
    ("meta-llama/llama-3.3-70b-instruct", "meta_llama/Llama-3.3-70B-Instruct"),
    ("meta-llama/llama-4-maverick", "meta_llama/Llama-4-Maverick-17B-128E-Instruct-FP8"),
    ("meta-llama/llama-4-scout", "meta_llama/Llama-4-Scout-17B-16E-Instruct-FP8"),
]

# Tuzi (a new-api reseller) sells other vendors' models under their own names at prices of its own: facts, no price.
TUZI = [
    ("openai", r"^(gpt-(4o|4\.1|5|6)|o[34])(?!.*(-\d{4}-\d\d-\d\d|search|audio|cyber|rosalind|law|research))"),
    ("anthropic", r"^claude(?!.*mythos)"),
    ("gemini", r"^gemini-(2\.5|[34]).*(pro|flash|flash-lite|argon)(-preview)?$"),
    ("deepseek", r"^deepseek-(v3|v4|r1)"),
    ("moonshot", r"^kimi"),
    ("zai", r"^glm-(4\.[67]|5)"),
    ("xai", r"^grok-4\.\d+$"),
]

# Names from Ollama's library that people run today. No context length: it depends on the server's num_ctx.
OLLAMA = """
llama3.2:1b llama3.2:3b llama3.2 llama3.3 llama3.3:70b llama3.1:8b llama3.1:70b qwen3 qwen3:0.6b qwen3:4b qwen3:8b qwen3:14b
qwen3:30b qwen3:32b qwen3-coder:30b qwen2.5 qwen2.5:7b qwen2.5-coder qwen2.5-coder:7b deepseek-r1 deepseek-r1:8b deepseek-r1:14b
deepseek-r1:32b gpt-oss:20b gpt-oss:120b gemma3 gemma3:4b gemma3:12b gemma3:27b mistral-small phi4 phi4:14b
nomic-embed-text mxbai-embed-large bge-m3
""".split()


def decimal_text(value):
    """12.50 -> '12.5', 1E+1 -> '10': plain notation, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def per_million(per_token):
    """USD per token -> USD per million tokens, cleaned of the map's own float noise (below 1e-6 USD per million)."""
    exact = Decimal(per_token) * MILLION
    rounded = exact.quantize(Decimal("0.000001"))
    if exact and abs(exact - rounded) / exact > Decimal("1e-6"):
        raise ValueError(f"{per_token} is finer than a millionth of a dollar per million tokens")
    return rounded


def rates(entry, suffix=""):
    """The price classes of one tier, in our order; empty when the map has no token price."""
    found = {}
    for theirs, ours in PRICE_CLASSES.items():
        value = entry.get(theirs + suffix)
        if value is not None:
            found[ours] = per_million(value)
    # A zero beside a real input price is the map's way of saying "not billed apart": the input price holds.
    for extra in ("cached_input", "cache_write", "cache_write_1h", "reasoning", "audio_input", "audio_output"):
        if found.get(extra) == 0:
            del found[extra]
    # The same price as the class it belongs to says nothing.
    for extra, base in (("reasoning", "output"), ("audio_input", "input"), ("audio_output", "output")):
        if extra in found and found.get(extra) == found.get(base):
            del found[extra]
    return found


def price_of(name, entry, vendor):
    if vendor == "ollama":
        return None if name.endswith("cloud") else {"input": Decimal(0), "output": Decimal(0)}
    ranges = entry.get("tiered_pricing")
    if ranges and all("range" in tier for tier in ranges):
        ranges = sorted(ranges, key=lambda tier: Decimal(tier["range"][0]))
        price = rates(ranges[0])
        price["tiers"] = [(int(Decimal(tier["range"][0])), rates(tier)) for tier in ranges[1:]]
    else:
        price = rates(entry)
        tiers = sorted({int(m.group(1)) * 1000 for key in entry for m in [re.match(r"input_cost_per_token_above_(\d+)k_tokens$", key)] if m})
        # xAI's upper tier starts at its threshold, everyone else's strictly above it.
        price["tiers"] = [(above - (vendor == "xai"), rates(entry, f"_above_{above // 1000}k_tokens")) for above in tiers]
    services = {} if ranges else {tier: service_rates(entry, tier) for tier in SERVICE_TIERS}
    if not price["tiers"]:
        del price["tiers"]
    if "input" not in price or ("output" not in price and entry.get("mode") not in ("embedding", "moderation", "rerank")):
        return None
    if price["input"] == 0 and price.get("output", 0) == 0 and not FREE.search(name):
        return None
    if entry.get("mode") in ("embedding", "moderation", "rerank"):
        price.pop("output", None)
    else:
        price["service_tiers"] = {tier: found for tier, found in services.items() if "input" in found and "output" in found}
        if not price["service_tiers"]:
            del price["service_tiers"]
    return price


def service_rates(entry, tier):
    """What a service tier costs, where the map says it: its own rates, and those for long prompts."""
    found = rates(entry, f"_{tier}")
    above = sorted({int(m.group(1)) * 1000 for key in entry for m in [re.match(rf"input_cost_per_token_above_(\d+)k_tokens_{tier}$", key)] if m})
    if above:
        found["tiers"] = [(tokens, rates(entry, f"_above_{tokens // 1000}k_tokens_{tier}")) for tokens in above]
    return found


def scores_of(name):
    for pattern, quality, coding, speed in QUALITY:
        if re.search(pattern, name.lower()):
            found = {"quality": quality, "speed": speed}
            if coding is not None:
                found["coding"] = coding
            return found
    raise SystemExit(f"make-catalog: no line of QUALITY matches {name!r}: add one")


def capabilities_of(name, entry, mode, scores):
    found = []
    if mode == "chat":
        found.append("chat")
    if mode in ("chat", "responses"):
        found.append("streaming")
    for key, ours in CAPABILITIES:
        if entry.get(key):
            found += [c for c in ours if c not in found]
    if mode == "embedding":
        found.append("embeddings")
    if mode in ("chat", "responses") and scores.get("coding", 0) >= 0.6:
        found.append("code_generation")
    if CHINESE.search(name.lower()):
        found.append("chinese")
    return found


def parameters_of(name):
    """Billions, where the name says so: qwen3-32b -> 32, 2.4t -> 2400; not 8x7b (a mixture), not a3b (the active part)."""
    match = re.search(r"(?<![a-z0-9.x])(\d+(?:\.\d+)?)(b|t)(?![a-z0-9])", name.lower())
    if not match:
        return None
    return Decimal(match.group(1)) * (1000 if match.group(2) == "t" else 1)


def model(name, entry, vendor, price="own", aliases=()):
    mode = entry.get("mode", "chat")
    endpoints = entry.get("supported_endpoints")
    if mode == "chat" and endpoints and "/v1/responses" in endpoints and "/v1/chat/completions" not in endpoints:
        mode = "responses"
    scores = scores_of(name)
    return {
        "name": name,
        "aliases": [a for a in aliases if a != name],
        "mode": mode,
        "price": price_of(name, entry, vendor) if price == "own" else price,
        "context_length": entry.get("max_input_tokens") or entry.get("max_tokens"),
        "max_output_tokens": entry.get("max_output_tokens") if mode not in ("embedding", "rerank", "moderation") else None,
        "parameter_count": parameters_of(name),
        "capabilities": capabilities_of(name, entry, mode, scores),
        "scores": scores,
    }


def retired(entry, as_of):
    date = entry.get("deprecation_date")
    return bool(date) and re.fullmatch(r"\d{4}-\d\d-\d\d", date) and date <= as_of


def vendor_models(data, vendor, theirs, strip, as_of):
    found = {}
    for key, entry in data.items():
        if vendor == "ollama" and entry.get("mode") == "completion" and not key.endswith("-base"):
            entry = {**entry, "mode": "chat"}  # the map says which of Ollama's endpoints it used, not what the model can do
        if entry.get("litellm_provider") not in theirs or entry.get("mode") not in MODES or retired(entry, as_of):
            continue
        name = key.removeprefix(strip)
        # Azure's regional rows (eu/, us/ …) are the same models at regional prices; the undecorated row is the list price.
        if (vendor == "azure_openai" and "/" in name) or SKIP.search(name):
            continue
        # Clients write a vendor's model without the vendor, and Anthropic's versions with a dot as well as with a dash.
        short = name.rsplit("/", 1)[-1]
        aliases = [alias for alias in (short, dotted(name) if vendor == "anthropic" else name) if alias != name]
        found.setdefault(name, model(name, entry, vendor, aliases=aliases))
    return [found[name] for name in sorted(found)]


def dotted(name):
    """claude-sonnet-4-5 -> claude-sonnet-4.5, as OpenRouter writes versions."""
    return re.sub(r"-(\d+)-(\d{1,2})$", r"-\1.\2", name)


def resold(lists, rules):
    """Models of other vendors under a reseller: (vendor, prefix, keep price?, pattern)."""
    found = []
    for vendor, prefix, keep_price, pattern in rules:
        for original in lists[vendor]:
            if original["mode"] != "chat" or not re.search(pattern, original["name"]):
                continue
            name = original["name"]
            upstream = prefix + (dotted(name) if vendor == "anthropic" else name.lower()) if prefix else name
            aliases = [*([name] if prefix else []), *original["aliases"]]
            found.append({**original, "name": upstream, "aliases": list(dict.fromkeys(a for a in aliases if a != upstream)), "price": original["price"] if keep_price else None})
    return sorted(found, key=lambda m: m["name"])


def demo_models():
    chat = {"mode": "chat", "max_input_tokens": 128000, "max_output_tokens": 16384, "supports_function_calling": True, "supports_vision": True, "supports_response_schema": True}
    small = {**chat, "input_cost_per_token": "1E-7", "output_cost_per_token": "4E-7", "cache_read_input_token_cost": "5E-8"}
    large = {**chat, "input_cost_per_token": "2E-6", "output_cost_per_token": "8E-6", "cache_read_input_token_cost": "1E-6", "supports_reasoning": True}
    embed = {"mode": "embedding", "max_input_tokens": 8192, "input_cost_per_token": "2E-8"}
    return [model("demo-embed", embed, "demo"), model("demo-large", large, "demo"), model("demo-small", small, "demo")]


def ollama_extra():
    free = {"input": Decimal(0), "output": Decimal(0)}
    for name in OLLAMA:
        mode = "embedding" if re.search(r"embed|bge", name) else "chat"
        entry = {"mode": mode, "supports_function_calling": bool(re.match(r"llama3|qwen|gpt-oss|mistral", name)), "supports_reasoning": bool(re.match(r"qwen3(?!-coder)|deepseek-r1|gpt-oss", name)), "supports_vision": name.startswith("gemma3:") or name == "gemma3"}
        if mode == "chat":
            entry["supports_response_schema"] = True
        yield model(name, entry, "ollama", price=free if mode == "chat" else {"input": Decimal(0)})


def scalar(value):
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, (int, float)):
        return str(value)
    # Quoted where YAML could read something else than a string.
    return value if re.fullmatch(r"[A-Za-z][A-Za-z0-9._/-]*", value) and value.lower() not in ("yes", "no", "on", "off", "true", "false", "null") else json.dumps(value)


def flow(pairs):
    return "{ " + ", ".join(f"{key}: {value}" for key, value in pairs) + " }"


def price_text(price):
    pairs = [(key, scalar(value)) for key, value in price.items() if key not in ("tiers", "service_tiers")]
    if "tiers" in price:
        tiers = [flow([("above_tokens", above)] + [(key, scalar(value)) for key, value in tier.items()]) for above, tier in price["tiers"]]
        pairs.append(("tiers", "[" + ", ".join(tiers) + "]"))
    if "service_tiers" in price:
        pairs.append(("service_tiers", flow([(tier, price_text(found)) for tier, found in price["service_tiers"].items()])))
    return flow(pairs)


def line(entry):
    pairs = [("name", scalar(entry["name"]))]
    if entry["aliases"]:
        pairs.append(("aliases", "[" + ", ".join(map(scalar, entry["aliases"])) + "]"))
    pairs.append(("mode", entry["mode"]))
    if entry["price"] is not None:
        pairs.append(("price", price_text(entry["price"])))
    for key in ("context_length", "max_output_tokens", "parameter_count"):
        if entry[key]:
            pairs.append((key, scalar(entry[key] if isinstance(entry[key], Decimal) else int(Decimal(str(entry[key]))))))
    pairs.append(("capabilities", "[" + ", ".join(entry["capabilities"]) + "]"))
    pairs.append(("scores", flow([(key, scalar(value)) for key, value in entry["scores"].items()])))
    return "    - " + flow(pairs)


HEAD = """\
# The built-in catalogue of models: prices, context lengths and abilities of well-known models, by provider kind.
# GENERATED by scripts/make-catalog.py: change the script or its tables, not this file. A channel's own entry always wins.
#
# Source of the facts: the public price map in {source} (PyPI), state of {as_of}; models retired by then are left out.
# Vendors change prices without asking: what is billed is the vendor's invoice. Correct a price in channels.yaml.
#
# Lists are keyed by provider kind (openai, anthropic, gemini, azure_openai, groq, openrouter, siliconflow, tuzi, deepseek,
# ollama, demo), then by families that OpenAI-compatible channels serve (moonshot, zai, qwen, minimax, mistral, xai).
# A model is looked up in the list of its channel's kind; an openai_compatible channel may look in every list for context
# and abilities, but never takes a price from another vendor's list.
#
#   name               the upstream's name, as sent to the provider
#   aliases            other names that clients may ask for
#   mode               chat | embedding | moderation | rerank | responses (only served by /v1/responses)
#   price              USD per million tokens, exact decimals. No price means unknown, never free; free is written 0.
#                      input, output (absent where nothing is put out: embeddings); cached_input (read from the provider's
#                      prompt cache), cache_write, cache_write_1h, reasoning, audio_input, audio_output: where absent, the
#                      price of input or output holds; per_request;
#                      tiers: rates for requests whose prompt is longer than above_tokens; the highest that applies counts,
#                      for the whole request; a class that a tier leaves out follows that tier's input or output.
#                      service_tiers: rates of answers in the tiers `flex` and `priority`; what is left out is as usual.
#                      Batch and off-peak rates are not in here.
#   context_length     tokens of the longest prompt
#   max_output_tokens  tokens of the longest answer
#   parameter_count    billions, where the name says so
#   capabilities       what the model can do; `chinese` and `code_generation` are our judgement
#   scores             0 to 1: quality, speed, coding. Our own coarse editorial judgement by family and tier (table QUALITY in
#                      the script), not measurements; override them per channel or replace them by what you measure.
#
# OpenRouter: the list price of the one vendor behind a closed model (it is passed through); open weights have none here.
# SiliconFlow, Tuzi: names and abilities, no prices (they are not in the source). Azure: the undecorated (global) rows.
# Ollama: your own machine, price 0; no context length, which depends on how the server was started.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prices", help="path of the price map (JSON)")
    parser.add_argument("--source", required=True, help='what the map is, e.g. "litellm 1.109.1"')
    parser.add_argument("--as-of", required=True, help="date of the map, YYYY-MM-DD; models retired by then are left out")
    options = parser.parse_args()

    with open(options.prices, encoding="utf-8") as file:
        data = json.load(file, parse_float=Decimal)
    data.pop("sample_spec", None)

    lists = {vendor: vendor_models(data, vendor, theirs, strip, options.as_of) for vendor, theirs, strip in VENDORS}
    known = {m["name"] for m in lists["ollama"]}
    lists["ollama"] = sorted(lists["ollama"] + [m for m in ollama_extra() if m["name"] not in known], key=lambda m: m["name"])
    llama = [model(name, {**data[key], "max_output_tokens": None}, "openrouter", price=None, aliases=[name.rsplit("/", 1)[-1]]) for name, key in OPENROUTER_LLAMA]
    lists["openrouter"] = sorted(resold(lists, OPENROUTER) + llama, key=lambda m: m["name"])
    lists["tuzi"] = resold(lists, [(vendor, "", False, pattern) for vendor, pattern in TUZI])
    lists["siliconflow"] = sorted((model(name, data[key], "siliconflow", price=None, aliases=[name.rsplit("/", 1)[-1].lower()]) for name, key in SILICONFLOW), key=lambda m: m["name"])
    lists["demo"] = demo_models()

    order = ["demo", "openai", "anthropic", "gemini", "azure_openai", "groq", "openrouter", "siliconflow", "tuzi", "deepseek", "ollama", "moonshot", "zai", "qwen", "minimax", "mistral", "xai"]
    out = [HEAD.format(source=options.source, as_of=options.as_of)]
    out.append(f"source: {json.dumps(options.source)}\nas_of: {json.dumps(options.as_of)}\nmodels:")
    for vendor in order:
        out.append(f"  {vendor}:")
        out += [line(entry) for entry in lists[vendor]]
    sys.stdout.write("\n".join(out) + "\n")
    print(f"{sum(map(len, lists.values()))} models: " + ", ".join(f"{v} {len(lists[v])}" for v in order), file=sys.stderr)


if __name__ == "__main__":
    main()
