"""Models in the shapes of the libraries that make them."""

from .repo import Repo, card
from .weights import gguf, safetensors, shards

CHAT_TEMPLATE = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}"

BERT = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "max_position_embeddings": 512}
BERT_CLASSIFIER = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 4096}
CHAT_TOKENIZER = {"chat_template": CHAT_TEMPLATE, "bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "LlamaTokenizer"}

# 64 * 32 + 32 = 2,080 parameters.
SMALL = safetensors({"embeddings.weight": ("F32", (64, 32)), "embeddings.bias": ("F32", (32,))}, {"format": "pt"})


def llama_gguf(kind, file_type, name="llama", **more):
    """2 * 256 * 256 + 256 = 131,328 parameters."""
    metadata = {
        "general.architecture": "llama", "general.name": name, "general.file_type": file_type,
        "llama.context_length": 4096, "llama.embedding_length": 256, "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>"],
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.add_bos_token": True,
        "tokenizer.chat_template": CHAT_TEMPLATE, **more,
    }
    tensors = {"token_embd.weight": (kind, (256, 256)), "output.weight": (kind, (256, 256)), "output_norm.weight": ("F32", (256,))}
    return gguf(metadata, tensors)


LLAMA_GGUF = {"architecture": "llama", "context_length": 4096, "total": 131_328, "chat_template": CHAT_TEMPLATE,
              "bos_token": "<s>", "eos_token": "</s>"}

TRANSFORMERS = [
    Repo(
        "encoder-root",
        {
            "README.md": card("language: en\nlicense: apache-2.0\ndatasets:\n- wikipedia\n- bookcorpus",
                              "# Encoder\nPretrained as in [BERT](https://arxiv.org/abs/1810.04805).\n"),
            "config.json": BERT, "model.safetensors": SMALL,
            "tokenizer_config.json": {"mask_token": "[MASK]", "model_max_length": 512, "tokenizer_class": "BertTokenizer"},
        },
        task="fill-mask", library="transformers",
        has=("transformers", "safetensors", "bert", "fill-mask", "en", "license:apache-2.0", "dataset:wikipedia",
             "dataset:bookcorpus", "arxiv:1810.04805"),
        lacks=("custom_code", "conversational", "onnx"), parameters={"F32": 2080},
    ),
    Repo(
        "llama-root",
        {
            "README.md": card("license: llama2\nlanguage:\n- en\ntags:\n- llama-2"),
            "config.json": LLAMA, "tokenizer_config.json": CHAT_TOKENIZER,
            **shards({"model.embed.weight": ("BF16", (128, 64))}, {"lm_head.weight": ("BF16", (128, 64))}),
        },
        task="text-generation", library="transformers",
        has=("llama", "text-generation", "conversational", "license:llama2", "llama-2", "safetensors"),
        parameters={"BF16": 16_384},
    ),
    Repo(
        "gpt2-f16",
        {
            "README.md": card("license: mit\nextra_gated_prompt: Be nice.\nextra_gated_fields:\n  Country: country"),
            "config.json": {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"},
            "model.safetensors": safetensors({"wte": ("F16", (100, 10))}),
        },
        gated="auto", task="text-generation", library="transformers", has=("gpt2", "license:mit"),
        lacks=("conversational",), parameters={"F16": 1000},
    ),
    Repo(
        "llama-int8",
        {
            "README.md": card("license: llama2\nbase_model: alice/llama-root"),
            "config.json": {**LLAMA, "quantization_config": {"quant_method": "compressed-tensors", "bits": 8}},
            "model.safetensors": safetensors({"q": ("I8", (64, 64)), "scale": ("F32", (64,))}),
        },
        task="text-generation", library="transformers", relation="quantized", bases=("alice/llama-root",),
        has=("8-bit", "compressed-tensors"), parameters={"F32": 64, "I8": 4096},
    ),
    Repo(
        "custom-code",
        {
            "README.md": card("license: apache-2.0\nlibrary_name: transformers"),
            "config.json": {"architectures": ["AcmeForCausalLM"], "model_type": "acme",
                            "auto_map": {"AutoConfig": "configuration_acme.AcmeConfig",
                                         "AutoModelForCausalLM": "modeling_acme.AcmeForCausalLM"}},
            "configuration_acme.py": "class AcmeConfig: ...\n", "modeling_acme.py": "class AcmeForCausalLM: ...\n",
            "model.safetensors": SMALL,
        },
        task="text-generation", library="transformers", has=("custom_code",), parameters={"F32": 2080},
    ),
    Repo(
        "whisper-de",
        {
            "README.md": card("language:\n- de\n- multilingual\nlicense: mit\nmetrics:\n- wer"),
            "config.json": {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"},
            "preprocessor_config.json": {"feature_extractor_type": "WhisperFeatureExtractor"},
            "model.safetensors": SMALL,
        },
        task="automatic-speech-recognition", library="transformers", has=("whisper", "de", "multilingual"),
    ),
    Repo(
        "t5-translator",
        {
            "README.md": card("language:\n- en\n- fr\nlicense: apache-2.0"),
            "config.json": {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5",
                            "task_specific_params": {"translation_en_to_fr": {"prefix": "translate: "}}},
            "model.safetensors": SMALL,
        },
        task="translation", library="transformers", has=("t5", "en", "fr"), lacks=("text2text-generation",),
    ),
    Repo(
        "llava-chat",
        {
            "README.md": card("license: apache-2.0"),
            "config.json": {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava"},
            "processor_config.json": {"processor_class": "LlavaProcessor"}, "chat_template.jinja": CHAT_TEMPLATE,
            "model.safetensors": SMALL,
        },
        task="image-text-to-text", library="transformers", has=("llava", "conversational"),
    ),
    Repo(
        "all-frameworks",
        {
            "README.md": card("license: bsd-3-clause\nlibrary_name: transformers\npipeline_tag: feature-extraction"),
            "config.json": {"architectures": ["DistilBertModel"], "model_type": "distilbert"},
            "pytorch_model.bin": b"\x80\x02}q\x00.", "tf_model.h5": b"\x89HDF\r\n", "flax_model.msgpack": b"\x80",
            "rust_model.ot": b"\0", "runs/may/events.out.tfevents.1": b"\0", "openvino_model.xml": "<net/>", "m.tflite": b"\0",
        },
        task="feature-extraction", library="transformers",
        has=("pytorch", "tf", "jax", "rust", "tensorboard", "openvino", "tflite", "distilbert"), lacks=("safetensors",),
    ),
]

QUANTIZED = [
    Repo(
        "llama-q4-gguf",
        {"README.md": card("license: llama2\nbase_model: alice/llama-root"), "llama-Q4_K_M.gguf": llama_gguf("Q4_K", 15)},
        task="text-generation", relation="quantized", bases=("alice/llama-root",), gguf=LLAMA_GGUF,
        has=("gguf", "conversational", "base_model:quantized:alice/llama-root"), lacks=("transformers", "safetensors"),
    ),
    Repo(
        "llama-all-gguf",
        {
            "README.md": card("license: llama2\nbase_model: alice/llama-root\nquantized_by: alice\npipeline_tag: text-generation"),
            "llama.Q4_0.gguf": llama_gguf("Q4_0", 2), "llama.Q4_K_M.gguf": llama_gguf("Q4_K", 15),
            "llama.Q8_0.gguf": llama_gguf("Q8_0", 7),
            "f16/llama.F16-00001-of-00002.gguf": llama_gguf("F16", 1, **{"split.no": 0, "split.count": 2}),
            "f16/llama.F16-00002-of-00002.gguf": llama_gguf("F16", 1, **{"split.no": 1, "split.count": 2}),
        },
        task="text-generation", relation="quantized", bases=("alice/llama-root",), gguf={"architecture": "llama"}, has=("gguf",),
    ),
    Repo(
        "llama-gptq",
        {
            "README.md": card("license: llama2\nbase_model: alice/llama-root"),
            "config.json": {**LLAMA, "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}},
            "quantize_config.json": {"bits": 4},
            "model.safetensors": safetensors({"qweight": ("I32", (8, 64)), "scales": ("F16", (1, 64))}),
        },
        task="text-generation", relation="quantized", bases=("alice/llama-root",), has=("gptq", "4-bit"),
    ),
    Repo(
        "llama-awq",
        {
            "README.md": card("license: llama2\nbase_model: alice/llama-root"), "tokenizer_config.json": CHAT_TOKENIZER,
            "config.json": {**LLAMA, "quantization_config": {"quant_method": "awq", "bits": 4, "version": "gemm"}},
            "model.safetensors": safetensors({"qweight": ("I32", (8, 64)), "scales": ("F16", (1, 64))}),
        },
        task="text-generation", relation="quantized", bases=("alice/llama-root",), has=("awq", "4-bit", "conversational"),
    ),
    Repo(
        "llama-bnb",
        {
            "README.md": card("license: llama2\nbase_model: alice/llama-root"),
            "config.json": {**LLAMA, "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True,
                                                              "bnb_4bit_quant_type": "nf4"}},
            "model.safetensors": safetensors({"w": ("U8", (1024, 1)), "w.absmax": ("F32", (32,))}),
        },
        task="text-generation", relation="quantized", bases=("alice/llama-root",), has=("bitsandbytes", "4-bit"),
    ),
    Repo(
        "encoder-onnx",
        {
            "README.md": card("license: apache-2.0\nbase_model: alice/encoder-root\nlanguage: en"),
            "config.json": BERT, "onnx/model.onnx": b"\x08\x07\x12\x07pytorch", "onnx/model_quantized.onnx": b"\x08\x07",
        },
        task="fill-mask", relation="finetune", bases=("alice/encoder-root",),
        has=("onnx", "base_model:finetune:alice/encoder-root"), lacks=("base_model:quantized:alice/encoder-root",),
    ),
    Repo(
        "llama-mlx",
        {
            "README.md": card("license: llama2\nlibrary_name: mlx\nbase_model: alice/llama-root\npipeline_tag: text-generation"),
            "config.json": {**LLAMA, "quantization": {"group_size": 64, "bits": 4}}, "model.safetensors": SMALL,
        },
        task="text-generation", library="mlx", bases=("alice/llama-root",), relation="quantized", has=("mlx",),
    ),
]

DERIVED = [
    Repo(
        "llama-lora",
        {
            "README.md": card("license: llama2"),
            "adapter_config.json": {"base_model_name_or_path": "alice/llama-root", "peft_type": "LORA", "task_type": "CAUSAL_LM"},
            "adapter_model.safetensors": SMALL,
        },
        library="peft", relation="adapter", bases=("alice/llama-root",), has=("peft", "base_model:adapter:alice/llama-root"),
    ),
    Repo(
        "sd-lora",
        {
            "README.md": card("license: openrail++\nlibrary_name: diffusers\nbase_model: alice/sd-root\n"
                              "instance_prompt: a photo of sks dog\npipeline_tag: text-to-image\ntags:\n- lora"),
            "pytorch_lora_weights.safetensors": SMALL,
        },
        task="text-to-image", library="diffusers", relation="adapter", bases=("alice/sd-root",), has=("lora",),
    ),
    Repo(
        "llama-merge",
        {
            "README.md": card("license: llama2\nbase_model:\n- alice/llama-root\n- alice/llama-child\ntags:\n- mergekit\n- merge"),
            "mergekit_config.yml": "merge_method: slerp\n", "config.json": LLAMA, "model.safetensors": SMALL,
        },
        task="text-generation", relation="merge", bases=("alice/llama-root", "alice/llama-child"),
        has=("merge", "base_model:merge:alice/llama-root", "base_model:merge:alice/llama-child"),
    ),
    Repo(
        "llama-said-finetune",
        {
            "README.md": card("license: llama2\nbase_model: alice/llama-root\nbase_model_relation: finetune"),
            "llama.Q8_0.gguf": llama_gguf("Q8_0", 7),
        },
        relation="finetune", bases=("alice/llama-root",), has=("base_model:finetune:alice/llama-root",),
        lacks=("base_model:quantized:alice/llama-root",),
    ),
]

LIBRARIES = [
    Repo(
        "embedder",
        {
            "README.md": card("license: apache-2.0\nlanguage: en\ntags:\n- sentence-transformers"),
            "modules.json": [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}],
            "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "5.0.0"}},
            "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
            "config.json": {"architectures": ["BertModel"], "model_type": "bert"}, "model.safetensors": SMALL,
        },
        task="sentence-similarity", library="sentence-transformers", has=("sentence-transformers",),
    ),
    Repo(
        "sd-root",
        {
            "README.md": card("license: openrail++\ntags:\n- stable-diffusion\n- text-to-image"),
            "model_index.json": {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]},
            "unet/config.json": {"_class_name": "UNet2DConditionModel"}, "unet/diffusion_pytorch_model.safetensors": SMALL,
            "vae/diffusion_pytorch_model.safetensors": SMALL,
        },
        task="text-to-image", library="diffusers", has=("diffusers", "stable-diffusion"),
    ),
    Repo(
        "resnet18.a1",
        {
            "README.md": card("license: apache-2.0\nlibrary_name: timm\ntags:\n- image-classification\ndatasets:\n- imagenet-1k"),
            "config.json": {"architecture": "resnet18", "num_classes": 1000}, "model.safetensors": SMALL,
        },
        task="image-classification", library="timm", has=("timm", "dataset:imagenet-1k"),
    ),
    Repo(
        "en_core_small",
        {
            "README.md": card("tags:\n- spacy\n- token-classification\nlanguage:\n- en\nlicense: mit"),
            "meta.json": {"lang": "en", "name": "core_small"}, "en_core_small-any-py3-none-any.whl": b"PK\x05\x06" + b"\0" * 18,
        },
        task="token-classification", library="spacy", has=("spacy",),
    ),
    Repo(
        "wine-forest",
        {"README.md": card("license: mit\ntags:\n- tabular-classification"), "sklearn_model.joblib": b"\x80\x04.", "config.json": {"sklearn": {}}},
        task="tabular-classification", library="sklearn", has=("sklearn",),
    ),
    Repo(
        "mnist-keras",
        {"README.md": card("license: apache-2.0\npipeline_tag: image-classification"), "model.keras": b"PK\x05\x06" + b"\0" * 18},
        task="image-classification", library="keras", has=("keras",),
    ),
    Repo("parakeet", {"README.md": card("license: cc-by-4.0\npipeline_tag: automatic-speech-recognition"), "parakeet.nemo": b"\0" * 64},
         task="automatic-speech-recognition", library="nemo", has=("nemo",)),
]

EMISSIONS = [
    Repo("co2-number", {"README.md": card("license: mit\nco2_eq_emissions: 12.5")}, has=("co2_eq_emissions",)),
    Repo("co2-object", {"README.md": card("license: mit\nco2_eq_emissions:\n  emissions: 149.2\n  source: CodeCarbon\n"
                                          "  training_type: fine-tuning")}, has=("co2_eq_emissions",)),
]

REPOS = TRANSFORMERS + QUANTIZED + LIBRARIES + DERIVED + EMISSIONS
