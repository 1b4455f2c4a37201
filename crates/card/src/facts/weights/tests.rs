use super::*;

/// Files with their sizes, and what one would load; every line as `name size, name size = bytes`.
const LOADED: &str = "
model.safetensors 10, pytorch_model.bin 11 = 10
model-00001-of-00002.safetensors 10, model-00002-of-00002.safetensors 5, consolidated.safetensors 15 = 15
pytorch_model-00001-of-00002.bin 3, pytorch_model-00002-of-00002.bin 4, tf_model.h5 9 = 7
pytorch_model.bin 7, optimizer.pt 99, training_args.bin 1 = 7
checkpoint-500/model.safetensors 7 = none
original/consolidated.00.pth 9, model.safetensors 10 = 10
x-Q8_0.gguf 8, x-Q4_K_M.gguf 4, mmproj-x-f16.gguf 1 = 4
Q4_K_M/x-Q4_K_M-00001-of-00002.gguf 4, Q4_K_M/x-Q4_K_M-00002-of-00002.gguf 3, Q8_0/x-Q8_0.gguf 14 = 7
onnx/model.onnx 5, onnx/model.onnx_data 50, onnx/model_q4.onnx 2 = 55
onnx/encoder_model.onnx 5, onnx/decoder_model.onnx 6, onnx/decoder_model_merged.onnx 7 = 12
onnx/decoder_model_merged.onnx 7, onnx/decoder_model_merged_fp16.onnx 3 = 7
onnx/model_q4.onnx 7, onnx/model_int8.onnx 3 = 3
model_index.json 1, unet/diffusion_pytorch_model.safetensors 30, unet/diffusion_pytorch_model.fp16.safetensors 15, \
unet/diffusion_pytorch_model.bin 31, vae/diffusion_pytorch_model.bin 3, v1-5-pruned.ckpt 99 = 33
model.safetensors 10, 2_Dense/model.safetensors 2, 2_Dense/pytorch_model.bin 2 = 12
adapter_model.safetensors 2, checkpoint-1/adapter_model.safetensors 2 = 2
a.safetensors 2, b.safetensors 5 = 5
skops.skops 3, README.md 1 = 3
en_core_web_sm-any-py3-none-any.whl 12, ner/model 3 = 12
README.md 1, data.bin 7 = none
model.safetensors 0 = none
a-00001-of-2.safetensors 18446744073709551615, a-00002-of-2.safetensors 9 = 18446744073709551615
";

#[test]
fn what_one_would_load() {
    for line in LOADED.lines().filter(|line| !line.is_empty()) {
        let (files, expected) = line.split_once(" = ").unwrap();
        let files = files.split(", ").map(|file| file.rsplit_once(' ').unwrap());
        let (paths, sizes): (Vec<&str>, Vec<u64>) =
            files.map(|(path, size)| (path, size.parse::<u64>().unwrap())).unzip();
        let found = Weights::of(&paths, &sizes).bytes_to_load();
        assert_eq!(found, expected.parse().ok(), "{line}");
    }
}

#[test]
fn quantizations_the_biggest_first() {
    let files = [
        "m-Q2_K.gguf",
        "m-Q8_0-00001-of-00002.gguf",
        "m-Q8_0-00002-of-00002.gguf",
        "m.gguf",
        "mmproj-F16.gguf",
        "m-UD-Q4_K_XL.gguf",
        "m-BF16.gguf",
    ];
    let quants = Weights::of(&files, &[2, 4, 5, 3, 1, 6, 16]).gguf_quants();
    let found: Vec<(&str, u8, u64)> =
        quants.iter().map(|quant| (quant.label.as_str(), quant.bits, quant.bytes)).collect();
    assert_eq!(found, [("BF16", 16, 16), ("Q8_0", 8, 9), ("UD-Q4_K_XL", 4, 6), ("Q2_K", 2, 2)]);
}

#[test]
fn shards_are_one_file() {
    let files =
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "config.json"];
    let list = Weights::of(&files, &[1, 2, 3]).into_files();
    assert_eq!(
        list,
        [WeightFile {
            path: files[0].into(),
            format: "safetensors".into(),
            size_bytes: 3,
            files: 2
        }]
    );
    let unknown = Weights::of(&files, &[]);
    assert_eq!(unknown.bytes_to_load(), None);
    assert_eq!(unknown.into_files()[0].files, 2);
}

#[test]
fn copies_of_a_model_are_not_counted_with_it() {
    let models = |files: &[&'static str]| safetensors_models(files);
    assert_eq!(
        models(&["consolidated.safetensors", "model.safetensors", "model.fp16.safetensors"]),
        [["model.safetensors"]]
    );
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    assert_eq!(models(&["consolidated.safetensors", shards[0], shards[1]]), [shards]);
    assert_eq!(models(&["a.safetensors", "b.safetensors"]), [["a.safetensors"], ["b.safetensors"]]);
    let none = ["adapter_model.safetensors", "unet/model.safetensors", "optimizer.safetensors"];
    assert!(models(&none).is_empty());
    assert_eq!((shards_of(shards[0]), shards_of("model.safetensors")), (Some(2), None));
}
